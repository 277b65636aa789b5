use super::Subscriber;
use crate::route::{self, IntoRecord, Route, wrap};
use milena_core::{
    error::BoxError,
    handler::{Delivery, Outcome},
    record::Record,
};
use tower::{Layer, Service};

/// What is around the calls of the handler.
impl<S, O, C> Subscriber<S, O, C> {
    /// Wraps the calls of the handler in a `tower` layer; the last added is outermost.
    ///
    /// A layer runs once an attempt, around the extractors and the handler, so a timeout bounds each
    /// attempt for itself.
    ///
    /// ```
    /// use milena::each;
    /// use tower::timeout::TimeoutLayer;
    /// use std::time::Duration;
    ///
    /// async fn work() {}
    ///
    /// # let _: milena::Router = milena::Router::new("group").subscribe("topic",
    /// each(work).layer(TimeoutLayer::new(Duration::from_secs(10)))
    /// # );
    /// ```
    ///
    /// # Errors as layers see them
    ///
    /// An error of the handler has its own type, and a record that an extractor refused is an error with the
    /// extractor's behind it, as its source. An [`Outcome`] is a decision and no error. So what handles the
    /// errors of some type, in one place for many handlers, is a layer; what it leaves an error follows the
    /// policy as before:
    ///
    /// ```
    /// use milena::{Outcome, Router, each, error::BoxError, record::ProducerRecord};
    /// use tower::util::ThenLayer;
    ///
    /// async fn find() -> Result<(), std::num::ParseIntError> {
    ///     Ok(())
    /// }
    ///
    /// let handling = ThenLayer::new(|result: Result<Outcome, BoxError>| async move {
    ///     match result {
    ///         Err(error) if error.is::<std::num::ParseIntError>() => {
    ///             Ok(Outcome::done().publish(ProducerRecord::new("unreadable").value(error.to_string())))
    ///         }
    ///         other => other,
    ///     }
    /// });
    /// # let _: Router =
    /// Router::new("group").subscribe("topic", each(find)).layer(handling)
    /// # ;
    /// ```
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Send + Sync + 'static,
        L::Service: Service<Delivery, Response = Outcome> + Clone + Send + Sync + 'static,
        <L::Service as Service<Delivery>>::Error: Into<BoxError>,
        <L::Service as Service<Delivery>>::Future: Send + 'static,
    {
        let wrap = wrap(layer);
        self.body.abouts().into_iter().for_each(|about| about.layers.push(wrap.clone()));
        self
    }

    /// Wraps the handler alone: inside of all layers, whenever those are added.
    ///
    /// See [`layer`](Self::layer).
    pub fn layer_inner<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Send + Sync + 'static,
        L::Service: Service<Delivery, Response = Outcome> + Clone + Send + Sync + 'static,
        <L::Service as Service<Delivery>>::Error: Into<BoxError>,
        <L::Service as Service<Delivery>>::Future: Send + 'static,
    {
        let wrap = wrap(layer);
        self.body.abouts().into_iter().for_each(|about| about.layers.push_inner(wrap.clone()));
        self
    }

    /// Calls the handler with what `map` makes of each record, before layers and extractors see it.
    ///
    /// `map` returns a [`Record`], or a `Result` of one: a record that cannot be mapped is refused, and
    /// takes the failure path as one does that cannot be decoded. In a batch it fails alone. What is
    /// mapped keeps its topic, partition and offset, and as a dead letter it is what it was before. Of
    /// several, the first is called first, and those of routers before those of subscriptions.
    ///
    /// ```
    /// use milena::{Record, Router, each};
    /// # async fn bill() {}
    ///
    /// # let _: Router =
    /// Router::new("billing").subscribe(
    ///     "orders",
    ///     each(bill).map_record(|record: Record| match record.value() {
    ///         Some(_) => Ok(record),
    ///         None => Err("an order is never null"),
    ///     }),
    /// )
    /// # ;
    /// ```
    pub fn map_record<R: IntoRecord>(
        mut self,
        map: impl Fn(Record) -> R + Send + Sync + 'static,
    ) -> Self {
        let map = route::map(map);
        self.body.abouts().into_iter().for_each(|about| about.maps.push(map.clone()));
        self
    }
}
