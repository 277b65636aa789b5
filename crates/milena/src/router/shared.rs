use super::{Described, Router, names};
use crate::{
    route::{self, IntoRecord, Route},
    subscriber::{AckPolicy, Breaker, Concurrency, Failing, Given, Retry},
};
use milena_core::{
    error::BoxError,
    handler::{Delivery, Outcome},
    record::Record,
};
use std::{panic::Location, sync::Arc, time::Duration};
use tower::{Layer, Service};

/// What is said of a router for everything in it: for its subscriptions and those of routers
/// [nested](Router::nest) or [merged](Router::merge) into it, whether they were added before or behind.
///
/// Of routers around each other the outer comes first: its prefix, its `map_record`, and its layers, which
/// are outermost. A setting such as [`ack`](Router::ack) or [`retry`](Router::retry) is that of the
/// innermost that says it, and first of all the subscription's own.
impl<S> Router<S> {
    /// Puts `prefix` before the names of all topics: those that are subscribed to, patterns and certain
    /// partitions as well, those that replies are published to, and `<topic>.dead`.
    ///
    /// Nothing stands between prefix and name, so it ends with its own dot: `eu.`. The names of consumer
    /// groups stay as they are, and so does a topic given to `dead_letter`, which is a whole name.
    ///
    /// ```
    /// use milena::{Router, each};
    ///
    /// # async fn bill() {}
    /// let router: Router = Router::new("billing").prefix("eu.").subscribe("orders", each(bill));
    /// let described = router.operations().next().expect("it subscribes");
    /// assert_eq!(&*described.topics.names()[0], "eu.orders");
    /// ```
    ///
    /// # Panics
    ///
    /// If no name of a topic can begin so, or the router has a prefix.
    #[track_caller]
    pub fn prefix(mut self, prefix: impl Into<Arc<str>>) -> Self {
        let prefix = prefix.into();
        names::check_prefix(&prefix);
        let known = self.scope.prefix.as_ref();
        let said = known.map(|(known, at)| format!("`{known}`, said at {at}")).unwrap_or_default();
        assert!(
            known.is_none(),
            "a router has one prefix: nest it to put `{prefix}` before {said}"
        );
        self.scope.prefix = Some((prefix, Location::caller()));
        self
    }

    /// Wraps the calls of all handlers in a `tower` layer; the last added is outermost.
    ///
    /// See [`Subscriber::layer`](super::Subscriber::layer). Each handler has a service of its own, so that a
    /// layer that counts calls, such as a limit, counts those of each handler for itself.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Delivery, Response = Outcome> + Clone + Send + Sync + 'static,
        <L::Service as Service<Delivery>>::Error: Into<BoxError>,
        <L::Service as Service<Delivery>>::Future: Send + 'static,
    {
        self.layer_with(move |_| layer.clone())
    }

    /// The same inside of all other layers of this router, whenever those are added. The layers of the
    /// subscriptions are inside of it.
    pub fn layer_inner<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Delivery, Response = Outcome> + Clone + Send + Sync + 'static,
        <L::Service as Service<Delivery>>::Error: Into<BoxError>,
        <L::Service as Service<Delivery>>::Future: Send + 'static,
    {
        let wrap = move |_: &Described<'_>, route| Route::new(layer.layer(route));
        self.scope.layers.insert(0, Arc::new(wrap));
        self
    }

    /// Wraps each handler in the layer that `layer` makes for it; it is told of the subscription, and of
    /// several handlers of one subscription which it is.
    ///
    /// ```
    /// use milena::{Router, each};
    /// use tower::timeout::TimeoutLayer;
    /// use std::time::Duration;
    ///
    /// # async fn bill() {}
    /// # let _: Router =
    /// Router::new("billing").subscribe("orders", each(bill)).layer_with(|it| {
    ///     let seconds = if it.topics.names().contains(&"orders".into()) { 60 } else { 1 };
    ///     TimeoutLayer::new(Duration::from_secs(seconds))
    /// })
    /// # ;
    /// ```
    pub fn layer_with<L>(
        mut self,
        layer: impl Fn(&Described<'_>) -> L + Send + Sync + 'static,
    ) -> Self
    where
        L: Layer<Route>,
        L::Service: Service<Delivery, Response = Outcome> + Clone + Send + Sync + 'static,
        <L::Service as Service<Delivery>>::Error: Into<BoxError>,
        <L::Service as Service<Delivery>>::Future: Send + 'static,
    {
        let wrap =
            move |described: &Described<'_>, route| Route::new(layer(described).layer(route));
        self.scope.layers.push(Arc::new(wrap));
        self
    }

    /// Calls all handlers with what `map` makes of each record, before filters, layers and extractors see it.
    ///
    /// See [`Subscriber::map_record`](super::Subscriber::map_record).
    pub fn map_record<R: IntoRecord>(
        mut self,
        map: impl Fn(Record) -> R + Send + Sync + 'static,
    ) -> Self {
        self.scope.maps.push(route::map(map));
        self
    }

    /// Says whether documents tell of what is in this router. They do unless one of the routers around a
    /// subscription, or the subscription itself, says no.
    pub fn include_in_schema(mut self, include: bool) -> Self {
        self.scope.include_in_schema = include;
        self
    }

    /// Says when records count as done, where a subscription does not; see
    /// [`Subscriber::ack`](super::Subscriber::ack).
    pub fn ack(self, ack: AckPolicy) -> Self {
        self.giving(|given| given.ack = Some(ack))
    }

    /// Says how many records are in work at once, where a subscription does not; see
    /// [`Subscriber::concurrency`](super::Subscriber::concurrency). It counts for each subscription.
    pub fn concurrency(self, concurrency: Concurrency) -> Self {
        self.giving(|given| given.concurrency = Some(concurrency))
    }

    /// Says how failures are retried, where a subscription does not; see
    /// [`Subscriber::retry`](super::Subscriber::retry).
    pub fn retry(self, retry: Retry) -> Self {
        self.giving(|given| given.retry = Some(retry))
    }

    /// Bounds each call, where a subscription says nothing of that; see
    /// [`Subscriber::timeout`](super::Subscriber::timeout).
    ///
    /// # Panics
    ///
    /// If that is no time at all.
    #[track_caller]
    pub fn timeout(mut self, each_call: Duration) -> Self {
        self.scope.given.within(each_call);
        self
    }

    /// Publishes what failed for good to its own topic with `.dead` behind the name, where a subscription
    /// says nothing else of failures; see [`Subscriber::dead_letters`](super::Subscriber::dead_letters).
    ///
    /// # Panics
    ///
    /// If something else was said of failures already.
    #[track_caller]
    pub fn dead_letters(mut self) -> Self {
        self.scope.given.fail(Failing::beside_each());
        self
    }

    /// Publishes what failed for good to `topic`, where a subscription says nothing else of failures; see
    /// [`Subscriber::dead_letter`](super::Subscriber::dead_letter). It is the whole name, without a prefix.
    ///
    /// # Panics
    ///
    /// If something else was said of failures already.
    #[track_caller]
    pub fn dead_letter(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.scope.given.fail(Failing::to(topic));
        self
    }

    /// Goes on without what failed for good, where a subscription says nothing else of failures; see
    /// [`Subscriber::skip_failures`](super::Subscriber::skip_failures).
    ///
    /// # Panics
    ///
    /// If something else was said of failures already.
    #[track_caller]
    pub fn skip_failures(mut self) -> Self {
        self.scope.given.fail(Failing::Skip);
        self
    }

    /// Stops the service before what failed for good, where a subscription says nothing else of failures,
    /// whatever a router around this one says.
    ///
    /// # Panics
    ///
    /// If something else was said of failures already.
    #[track_caller]
    pub fn stop_on_failure(mut self) -> Self {
        self.scope.given.fail(Failing::Stop);
        self
    }

    /// Pauses each subscription when too many of its records fail, where it does not say when; see
    /// [`Subscriber::breaker`](super::Subscriber::breaker).
    pub fn breaker(self, breaker: Breaker) -> Self {
        self.giving(|given| given.breaker = Some(Some(breaker)))
    }

    /// Goes on however many records fail, where a subscription does not say otherwise.
    pub fn without_breaker(self) -> Self {
        self.giving(|given| given.breaker = Some(None))
    }

    fn giving(mut self, give: impl FnOnce(&mut Given)) -> Self {
        give(&mut self.scope.given);
        self
    }
}
