use super::{Described, Options, Topics};
use crate::{
    route::{Plan, Replies, Route, Runner},
    subscriber::{Offered, Subscribed},
};
use milena_core::transport::Selection;
use std::{borrow::Cow, sync::Arc};

/// A consumer group with its subscriptions.
pub(crate) struct Group<S> {
    /// `None` is no group: every partition, and no commits.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) subscriptions: Vec<Subscription<S>>,
    pub(crate) options: Options,
}

/// Topics, a handler, and how their records are delivered to it.
pub(crate) struct Subscription<S> {
    pub(super) topics: Topics,
    pub(super) to: Subscribed<S>,
}

impl<S> Group<S> {
    /// Its name, for a person to read.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("(none)")
    }
}

impl<S: Clone + Send + Sync + 'static> Group<S> {
    #[track_caller]
    pub(super) fn add(&mut self, new: Subscription<S>) {
        for old in &self.subscriptions {
            old.check_beside(&new, self.name());
        }
        self.subscriptions.push(new);
    }

    #[track_caller]
    pub(super) fn merge(&mut self, other: Self) {
        assert!(
            self.options == other.options,
            "group `{}` is merged with itself, with different options",
            self.name()
        );
        other.subscriptions.into_iter().for_each(|subscription| self.add(subscription));
    }

    pub(super) fn with_state<S2: Clone + Send + Sync + 'static>(self, state: &S) -> Group<S2> {
        let subscriptions = self.subscriptions.into_iter().map(|it| Subscription {
            topics: it.topics,
            to: it.to.replan(|plan| Arc::new(Supplied { plan, state: state.clone() })),
        });
        Group { name: self.name, subscriptions: subscriptions.collect(), options: self.options }
    }
}

impl<S> Subscription<S> {
    pub(super) fn describe<'a>(&'a self, group: &'a str) -> Described<'a> {
        let letters = self.to.policy.failing.dead_letters();
        let dead_letters = letters.map(|letters| self.topics.dead_letters(letters));
        let mut operation = self.to.operation.clone();
        operation.replies = self.to.replies.described();
        Described {
            group,
            topics: Cow::Borrowed(&self.topics),
            operation: Cow::Owned(operation),
            dead_letters: dead_letters.unwrap_or_default(),
        }
    }

    /// Whether both can be read by one consumer.
    #[track_caller]
    fn check_beside(&self, new: &Self, group: &str) {
        let (old_reads, new_reads) = (self.topics.selection(), new.topics.selection());
        let by_partition = |reads: &Selection| matches!(reads, Selection::Partitions(_));
        assert!(
            by_partition(old_reads) == by_partition(new_reads),
            "group `{group}` subscribes to topics and to certain partitions: that takes two routers"
        );
        let shared = self.topics.shared_with(&new.topics);
        let (was, is) = (&self.to.policy, &new.to.policy);
        assert!(
            shared.is_none() || (was.ack == is.ack && was.concurrency == is.concurrency),
            "group `{group}` subscribes to topic `{}` twice, with options that do not go together: \
             {:?} with {:?}, and {:?} with {:?}",
            shared.unwrap_or_default(),
            was.ack,
            was.concurrency,
            is.ack,
            is.concurrency,
        );
    }
}

impl Subscription<()> {
    /// What the runtime gets.
    pub(crate) fn offered(&self) -> Offered {
        Offered {
            selection: self.topics.selection().clone(),
            runner: self.to.runner(),
            policy: self.to.policy.clone(),
            listener: self.to.listener.clone(),
        }
    }
}

/// A handler that has its state already.
struct Supplied<S> {
    plan: Arc<dyn Plan<S>>,
    state: S,
}

impl<S: Clone + Send + Sync, S2> Plan<S2> for Supplied<S> {
    fn route(&self, _: S2, replies: &Replies) -> Route {
        self.plan.route(self.state.clone(), replies)
    }

    fn runner(&self, _: S2, replies: &Replies) -> Runner {
        self.plan.runner(self.state.clone(), replies)
    }
}
