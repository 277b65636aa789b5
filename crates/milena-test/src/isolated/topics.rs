use super::Shared;
use milena_core::{
    error::Error,
    transport::{Creation, NewTopic, Selection},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// The topics that are known to exist, by their plain names.
#[derive(Default)]
pub(super) struct Topics(Mutex<BTreeSet<Arc<str>>>);

impl Topics {
    pub(super) fn known(&self) -> Vec<Arc<str>> {
        self.with(|known| known.iter().cloned().collect())
    }

    pub(super) fn knows(&self, topic: &str) -> bool {
        self.with(|known| known.contains(topic))
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeSet<Arc<str>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    /// Creates topics, whose names are plain.
    pub(super) async fn create(&self, topics: Vec<NewTopic>) -> Result<Vec<Creation>, Error> {
        let full =
            |topic: &NewTopic| NewTopic { name: self.names.full(&topic.name), ..topic.clone() };
        let created = self.transport.create_topics(topics.iter().map(full).collect()).await;
        let created = created.map_err(|error| self.names.plain_error(error))?;
        self.topics.with(|known| known.extend(topics.into_iter().map(|topic| topic.name)));
        let plain = |creation| match creation {
            Creation::Differs(text) => Creation::Differs(self.names.plain_text(&text)),
            creation => creation,
        };
        Ok(created.into_iter().map(plain).collect())
    }

    /// Creates those of these topics that are not known to exist, where topics come into being by themselves.
    pub(super) async fn need(&self, mut topics: Vec<Arc<str>>) -> Result<(), Error> {
        topics.retain(|topic| !self.topics.knows(topic));
        if !self.creates || topics.is_empty() {
            return Ok(());
        }
        let new = topics.into_iter().map(|topic| NewTopic::new(topic).partitions(self.partitions));
        self.create(new.collect()).await.map(drop)
    }
}

/// The topics that are named.
pub(super) fn named(selection: &Selection) -> Vec<Arc<str>> {
    let names: BTreeSet<_> = match selection {
        Selection::Topics { names, .. } => names.iter().cloned().collect(),
        Selection::Partitions(partitions) => partitions.iter().map(|at| at.topic.clone()).collect(),
    };
    names.into_iter().collect()
}
