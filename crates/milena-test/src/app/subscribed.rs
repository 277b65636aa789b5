use crate::broker::Broker;
use milena::{router::Described, serve::Control};
use milena_core::{
    record::TopicPartition,
    transport::{Pattern, Selection},
};
use std::sync::Arc;

/// What a subscription of the service reads.
#[derive(Debug)]
pub(super) struct Subscribed {
    pub(super) group: String,
    /// It is there when the service is.
    pub(super) control: Option<Control>,
    selection: Selection,
    /// Where its dead letters go, which it never reads itself.
    dead: Vec<Arc<str>>,
}

/// What a router without a group is called.
const NO_GROUP: &str = "(none)";

impl Subscribed {
    pub(super) fn of(described: &Described<'_>) -> Self {
        let (group, control) = (described.group.to_owned(), None);
        let selection = described.topics.selection().clone();
        Self { group, control, selection, dead: described.dead_letters.clone() }
    }

    /// Whether it commits nothing.
    pub(super) fn is_alone(&self) -> bool {
        self.group == NO_GROUP
    }

    /// Whether it has partitions as soon as it has joined.
    pub(super) fn is_named(&self) -> bool {
        match &self.selection {
            Selection::Topics { names, .. } => !names.is_empty(),
            Selection::Partitions(_) => true,
        }
    }

    /// The topics that it reads, as far as there are any by now.
    fn topics(&self, broker: &Broker) -> Vec<Arc<str>> {
        let Selection::Topics { names, patterns } = &self.selection else { return Vec::new() };
        let mut topics = names.clone();
        if !patterns.is_empty() {
            let known = broker.topics().into_iter();
            topics.extend(known.filter(|topic| self.takes(topic) && !names.contains(topic)));
        }
        topics
    }

    /// The partitions that it reads, as far as there are any by now.
    pub(super) async fn places(&self, broker: &Broker) -> Vec<TopicPartition> {
        if let Selection::Partitions(partitions) = &self.selection {
            return partitions.clone();
        }
        let mut places = Vec::new();
        for topic in self.topics(broker) {
            places.extend(broker.places(&topic).await);
        }
        places
    }

    /// Whether its patterns take the topic.
    fn takes(&self, topic: &str) -> bool {
        let dead = |dead: &Arc<str>| {
            let matches = |pattern: Pattern| pattern.is_match(topic);
            **dead == *topic || Pattern::new(dead.clone()).is_ok_and(matches)
        };
        let internal = topic.starts_with("__");
        !internal && self.selection.takes(topic) && !self.dead.iter().any(dead)
    }

    /// Whether everything up to the ends is done.
    pub(super) async fn is_settled(&self, broker: &Broker) -> bool {
        let places = self.places(broker).await;
        if self.is_alone() {
            return self.is_done(broker, &places).await;
        }
        broker.lags(&self.group, &places).await.iter().all(|lag| *lag == 0)
    }

    /// The same where nothing is committed.
    async fn is_done(&self, broker: &Broker, places: &[TopicPartition]) -> bool {
        let Some(control) = &self.control else { return false };
        let Ok(status) = control.status().await else { return false };
        let ends = broker.ends(places).await;
        places.iter().zip(ends).all(|(at, end)| {
            let known = status.iter().find(|status| status.partition == *at);
            end == known.and_then(|status| status.done).unwrap_or(0)
        })
    }

    /// Whether its group has its first partitions, where it is to have some.
    pub(super) async fn has_joined(&self) -> bool {
        let Some(control) = &self.control else { return true };
        let assigned = control.assignment().await;
        !self.is_named() || assigned.is_ok_and(|partitions| !partitions.is_empty())
    }

    /// Commits what is done, unless nothing is ever committed.
    pub(super) async fn hurry(&self) {
        if let Some(control) = self.control.as_ref().filter(|_| !self.is_alone()) {
            // A group between two generations is asked again.
            let _ = control.commit().await;
        }
    }
}
