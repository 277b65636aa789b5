use super::{BreakerState, Budget, Counters, Labels, Permits, Provided, Subscription};
use crate::{
    control::{Control, News},
    publishing::{Outbox, outlet_in},
    route::{Answering, Runner},
    subscriber::Offered,
};
use milena_core::{
    record::{Extensions, TopicPartition},
    reply::{Outlet, Publisher},
    transport::{Captures, Selection},
};
use std::sync::Arc;

/// The subscriptions of a group, and what their records get beside them.
pub(super) struct Subscriptions {
    /// A subscription that was removed leaves its place empty.
    all: Vec<Option<Subscribed>>,
    outlet: Arc<Outlet>,
    control: Control,
    news: News,
    labels: Labels,
    provided: Provided,
    budget: Arc<Budget>,
    outbox: Option<Outbox>,
    counters: Arc<Counters>,
}

struct Subscribed {
    selection: Selection,
    subscription: Arc<Subscription>,
    outlet: Arc<Outlet>,
}

/// A subscription that takes the records of a partition.
pub(super) struct Taker {
    /// Its place among all.
    pub(super) index: usize,
    pub(super) subscription: Arc<Subscription>,
    /// What extractors find beside the records.
    pub(super) extensions: Arc<Extensions>,
}

impl Subscriptions {
    pub(super) fn new(
        (offered, outlet): (Vec<Offered>, Arc<Outlet>),
        (control, news, labels, provided): (Control, News, Labels, Provided),
        (max_in_flight, outbox): ((usize, usize), Option<Outbox>),
        counters: Arc<Counters>,
    ) -> Self {
        let budget = Arc::new(Budget::new(max_in_flight));
        let all = Vec::new();
        let mut new =
            Self { all, outlet, control, news, labels, provided, budget, outbox, counters };
        offered.into_iter().for_each(|it| new.add(it));
        new
    }

    pub(super) fn add(&mut self, offered: Offered) {
        let group: Arc<str> = self.control.group().into();
        let (breaker, topics) = (offered.policy.breaker.clone(), listed(&offered.selection));
        let outlet = outlet_in(&self.outlet, &offered.publish_layers);
        let is_batch = matches!(offered.runner, Runner::Batch(_));
        let (which, news) = ((group.clone(), topics), self.news.clone());
        let subscription = Arc::new(Subscription {
            breaker: BreakerState::new(breaker, which, &self.labels, news),
            group,
            permits: Permits::new(offered.policy.concurrency.0.most()),
            runner: offered.runner,
            policy: offered.policy,
            listener: offered.listener,
            producer: outlet.producer().clone(),
            answering: if is_batch { Answering::Never } else { offered.answering },
            budget: self.budget.clone(),
            outbox: self.outbox,
            counters: self.counters.clone(),
            handle: tokio::runtime::Handle::current(),
        });
        self.all.push(Some(Subscribed { selection: offered.selection, subscription, outlet }));
    }

    /// Takes these topics, or patterns, out of all subscriptions; says whether one had them.
    pub(super) fn remove(&mut self, topics: &[Arc<str>]) -> bool {
        let mut found = false;
        for place in &mut self.all {
            let Some(Subscribed { selection, .. }) = place else { continue };
            found |= take_out(selection, topics);
            if is_empty(selection) {
                *place = None;
            }
        }
        found
    }

    /// What all of them read together.
    pub(super) fn selection(&self) -> Selection {
        union(self.all.iter().flatten().map(|it| &it.selection))
    }

    /// Whether one of them reads this topic.
    pub(super) fn take(&self, topic: &str) -> bool {
        self.all.iter().flatten().any(|it| it.selection.takes(topic))
    }

    /// Who takes the records of a partition.
    pub(super) fn takers(&self, at: &TopicPartition) -> Vec<Taker> {
        let mut takers = Vec::new();
        for (index, it) in self.all.iter().enumerate() {
            let Some(Subscribed { selection, subscription, outlet }) = it else { continue };
            if subscription.buries_in(&at.topic, |topic| selection.takes(topic)) {
                // Its own dead letters, which a pattern takes, too.
                continue;
            }
            if let Some(captures) = captures(selection, at) {
                let extensions = self.extensions(captures, outlet);
                let subscription = subscription.clone();
                takers.push(Taker { index, subscription, extensions });
            }
        }
        takers
    }

    /// What bounds the replies of all of them.
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The listeners of subscriptions, each with what it hears of.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Selection, &Arc<Subscription>)> {
        self.all.iter().flatten().map(|it| (&it.selection, &it.subscription))
    }

    fn extensions(&self, captures: Captures, outlet: &Arc<Outlet>) -> Arc<Extensions> {
        let extensions = self
            .provided
            .extensions()
            .with(Publisher::through(outlet.clone()))
            .with(self.control.clone());
        Arc::new(if captures.iter().next().is_some() {
            extensions.with(captures)
        } else {
            extensions
        })
    }
}

/// What several subscriptions read together.
pub(crate) fn union<'a>(selections: impl IntoIterator<Item = &'a Selection>) -> Selection {
    let (mut all_names, mut all_patterns) = (Vec::new(), Vec::new());
    let mut all_partitions = Vec::new();
    for selection in selections {
        match selection {
            Selection::Topics { names, patterns } => {
                all_names.extend_from_slice(names);
                all_patterns.extend_from_slice(patterns);
            }
            Selection::Partitions(partitions) => all_partitions.extend_from_slice(partitions),
        }
    }
    if !all_partitions.is_empty() {
        all_partitions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        all_partitions.dedup();
        return Selection::Partitions(all_partitions);
    }
    all_names.sort_unstable();
    all_names.dedup();
    Selection::Topics { names: all_names, patterns: all_patterns }
}

/// What the selection captures of the topic's name, if it takes the partition.
fn captures(selection: &Selection, at: &TopicPartition) -> Option<Captures> {
    match selection {
        Selection::Topics { names, .. } if names.contains(&at.topic) => Some(Captures::default()),
        Selection::Topics { patterns, .. } => {
            patterns.iter().find_map(|pattern| pattern.captures(&at.topic))
        }
        Selection::Partitions(partitions) => partitions.contains(at).then(Captures::default),
    }
}

fn take_out(selection: &mut Selection, topics: &[Arc<str>]) -> bool {
    match selection {
        Selection::Topics { names, patterns } => {
            let before = names.len() + patterns.len();
            names.retain(|name| !topics.contains(name));
            patterns.retain(|pattern| !topics.iter().any(|it| **it == *pattern.as_str()));
            names.len() + patterns.len() < before
        }
        Selection::Partitions(partitions) => {
            let before = partitions.len();
            partitions.retain(|at| !topics.contains(&at.topic));
            partitions.len() < before
        }
    }
}

/// The topics for a person to read.
fn listed(selection: &Selection) -> String {
    let names: Vec<_> = match selection {
        Selection::Topics { names, patterns } => {
            let patterns = patterns.iter().map(|pattern| pattern.as_str().to_owned());
            names.iter().map(|name| name.to_string()).chain(patterns).collect()
        }
        Selection::Partitions(partitions) => partitions.iter().map(ToString::to_string).collect(),
    };
    names.join(", ")
}

fn is_empty(selection: &Selection) -> bool {
    match selection {
        Selection::Topics { names, patterns } => names.is_empty() && patterns.is_empty(),
        Selection::Partitions(partitions) => partitions.is_empty(),
    }
}
