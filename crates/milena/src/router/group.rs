use super::{Declaration, Options, Scope, Subscription};
use crate::{publishing::Declared, subscriber::Offered};
use std::sync::Arc;

/// A consumer group with its subscriptions.
pub(crate) struct Group<S> {
    /// `None` is no group: every partition, and no commits.
    pub(crate) name: Option<Arc<str>>,
    pub(super) subscriptions: Vec<Subscription<S>>,
    pub(super) publishers: Vec<Declaration>,
    pub(crate) options: Options,
}

impl<S> Group<S> {
    pub(super) fn new(name: Option<Arc<str>>) -> Self {
        let (subscriptions, publishers) = (Vec::new(), Vec::new());
        Self { name, subscriptions, publishers, options: Options::default() }
    }

    /// Whether nothing is read or published in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.subscriptions.is_empty() && self.publishers.is_empty()
    }

    /// Whether something is read in it.
    pub(crate) fn reads(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    /// Puts everything in it in a scope around those that it has.
    pub(super) fn enter(&mut self, outer: &Arc<Scope>) {
        self.subscriptions.iter_mut().for_each(|it| it.scopes.push(outer));
        self.publishers.iter_mut().for_each(|it| it.scopes.push(outer));
    }

    /// Its publishers, with everything that the routers around them say.
    pub(crate) fn publishers(&self) -> Vec<Declared> {
        self.publishers.iter().map(Declaration::declared).collect()
    }

    /// Its name, for a person to read.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("(none)")
    }

    /// What is said around everything in it.
    pub(crate) fn outer(&self) -> Arc<Scope> {
        let outer = self.subscriptions.first().and_then(|it| it.scopes.outermost());
        outer.cloned().unwrap_or_default()
    }

    #[track_caller]
    pub(super) fn merge(&mut self, other: Self) {
        // Who says nothing agrees.
        if self.options == Options::default() {
            self.options = other.options;
        } else {
            assert!(
                self.options == other.options || other.options == Options::default(),
                "group `{}` is merged with itself, with different options",
                self.name()
            );
        }
        self.subscriptions.extend(other.subscriptions);
        self.publishers.extend(other.publishers);
    }

    pub(super) fn with_state<S2>(self, state: &S) -> Group<S2>
    where
        S: Clone + Send + Sync + 'static,
    {
        let subscriptions = self.subscriptions.into_iter().map(|it| it.with_state(state)).collect();
        Group { name: self.name, subscriptions, publishers: self.publishers, options: self.options }
    }
}

impl Group<()> {
    /// What the runtime gets.
    pub(crate) fn offered(&self) -> Vec<Offered> {
        self.subscriptions.iter().map(|subscription| subscription.offered(self.name())).collect()
    }
}
