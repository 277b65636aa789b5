use super::{Group, Router, Scope, Subscription, names};
use std::{panic::Location, sync::Arc};

/// Routers made of routers.
impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Adds subscriptions that were made elsewhere; see [`subscription`](super::subscription).
    ///
    /// # Panics
    ///
    /// As [`subscribe`](Self::subscribe).
    #[track_caller]
    pub fn subscribe_all(
        mut self,
        subscriptions: impl IntoIterator<Item = Subscription<S>>,
    ) -> Self {
        self.groups[0].subscriptions.extend(subscriptions);
        self
    }

    /// Adds `other` with `prefix` before its own, and with what is said of this router for all in it.
    ///
    /// Its groups stay groups of their own; where one has the name of a group that is here, one consumer
    /// reads what both subscribe to.
    ///
    /// ```
    /// use milena::{Retry, Router, each};
    ///
    /// # async fn bill() {}
    /// fn billing() -> Router {
    ///     Router::new("billing").prefix("billing.").subscribe("orders", each(bill))
    /// }
    ///
    /// let app = Router::new("billing").nest("eu.", billing()).nest("us.", billing()).retry(Retry::exponential(5));
    /// let topics: Vec<_> = app.operations().map(|it| it.topics.names()[0].to_string()).collect();
    /// assert_eq!(topics, ["eu.billing.orders", "us.billing.orders"]);
    /// ```
    ///
    /// # Panics
    ///
    /// If no name of a topic can begin so, if `other` is empty, and as [`merge`](Self::merge).
    #[track_caller]
    pub fn nest(self, prefix: impl Into<Arc<str>>, other: Self) -> Self {
        let prefix = prefix.into();
        assert!(
            !prefix.is_empty(),
            "a router is nested under a prefix; without one it is merged: `.merge(router)`"
        );
        names::check_prefix(&prefix);
        assert!(
            !other.is_empty(),
            "the router that is nested under `{prefix}` subscribes to nothing"
        );
        let prefix = Some((prefix, Location::caller()));
        self.take(other, Some(Scope { prefix, ..Scope::default() }))
    }

    /// Adds `other`, with what is said of this router for all in it.
    ///
    /// Its groups stay groups of their own; where one has the name of a group that is here, one consumer
    /// reads what both subscribe to.
    ///
    /// # Panics
    ///
    /// If both say something of a group of the same name, and not the same.
    #[track_caller]
    pub fn merge(self, other: Self) -> Self {
        self.take(other, None)
    }

    /// The same in a router of which only that is said.
    pub(crate) fn within(self, outer: &Scope) -> Self {
        let around = Self { scope: outer.clone(), groups: vec![Group::new(None)] };
        around.merge(self)
    }

    /// What is said of it for everything in it.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    #[track_caller]
    fn take(mut self, other: Self, between: Option<Scope>) -> Self {
        let between = between.map(Arc::new);
        for mut group in other.sealed() {
            if let Some(scope) = &between {
                group.enter(scope);
            }
            match self.groups.iter_mut().find(|known| known.name == group.name) {
                Some(known) => known.merge(group),
                None => self.groups.push(group),
            }
        }
        self
    }

    fn is_empty(&self) -> bool {
        self.groups.iter().all(Group::is_empty)
    }

    /// Its groups, whose subscriptions know what was said of it.
    pub(super) fn sealed(self) -> Vec<Group<S>> {
        let scope = Arc::new(self.scope);
        let mut groups = self.groups;
        groups.iter_mut().for_each(|group| group.enter(&scope));
        groups
    }
}
