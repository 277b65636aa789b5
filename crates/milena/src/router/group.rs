use super::{Options, Subscription};
use crate::subscriber::Offered;
use std::sync::Arc;

/// A consumer group with its subscriptions.
pub(crate) struct Group<S> {
    /// `None` is no group: every partition, and no commits.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) subscriptions: Vec<Subscription<S>>,
    pub(crate) options: Options,
}

impl<S> Group<S> {
    /// Its name, for a person to read.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("(none)")
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
    }

    pub(super) fn with_state<S2>(self, state: &S) -> Group<S2>
    where
        S: Clone + Send + Sync + 'static,
    {
        let subscriptions = self.subscriptions.into_iter().map(|it| it.with_state(state)).collect();
        Group { name: self.name, subscriptions, options: self.options }
    }
}

impl Group<()> {
    /// What the runtime gets.
    pub(crate) fn offered(&self) -> Vec<Offered> {
        self.subscriptions.iter().map(|subscription| subscription.offered(self.name())).collect()
    }
}
