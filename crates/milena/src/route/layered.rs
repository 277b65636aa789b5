use super::{
    Attempt, Called, Failure, Route, Run, Spread, Turn, bounded::Bounded, caught, caught_in,
};
use crate::publishing::Outbox;
use futures_util::future::BoxFuture;
use milena_core::{
    error::BoxError,
    handler::{Delivery, Outcome},
    record::Record,
};
use std::{sync::Arc, task, time::Duration};
use tower::{Layer, Service, ServiceExt};

/// A layer, as what it does.
pub(crate) type Wrap = Arc<dyn Fn(Route) -> Route + Send + Sync>;

pub(crate) fn wrap<L>(layer: L) -> Wrap
where
    L: Layer<Route> + Send + Sync + 'static,
    L::Service: Service<Delivery, Response = Outcome> + Clone + Send + Sync + 'static,
    <L::Service as Service<Delivery>>::Error: Into<BoxError>,
    <L::Service as Service<Delivery>>::Future: Send + 'static,
{
    Arc::new(move |route| Route::new(layer.layer(route)))
}

/// The layers of a subscription, innermost first.
#[derive(Clone, Default)]
pub(crate) struct Layers(Vec<Wrap>);

impl Layers {
    pub(crate) fn push(&mut self, wrap: Wrap) {
        self.0.push(wrap);
    }

    pub(crate) fn push_inner(&mut self, wrap: Wrap) {
        self.0.insert(0, wrap);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn around(&self, route: Route) -> Route {
        self.0.iter().fold(route, |route, wrap| wrap(route))
    }
}

impl Route {
    /// The same, within this time.
    pub(crate) fn bounded(self, within: Option<Duration>) -> Self {
        match within {
            Some(within) => Self::new(Bounded::new(self, within)),
            None => self,
        }
    }
}

/// A handler that is called once a record, through its layers.
pub(super) struct Layered(pub(super) Route);

impl Run for Layered {
    fn run<'a>(&'a self, turn: &'a mut Turn<'_>) -> BoxFuture<'a, Option<Called>> {
        Box::pin(turn.drive(self.0.clone()))
    }

    fn spread(self: Arc<Self>, turn: &mut Turn<'_>, cx: &mut task::Context<'_>) -> Option<Spread> {
        turn.spread(cx, |record| {
            let mut route = self.0.clone();
            async move { route.attempt(&record).await }
        })
    }
}

impl Attempt for Route {
    async fn attempt(&mut self, record: &Record) -> Result<Outcome, Failure> {
        self.call_once(record.clone().into()).await
    }
}

impl Route {
    /// Calls the service once, for the records of a batch.
    pub(crate) async fn attempt_batch(
        &self,
        delivery: Delivery,
        outbox: Option<Outbox>,
    ) -> Result<Outcome, Failure> {
        let mut route = self.clone();
        let call = route.call_once(delivery);
        match outbox {
            None => caught(call).await,
            Some(outbox) => caught_in(outbox, call).await,
        }
    }

    async fn call_once(&mut self, delivery: Delivery) -> Result<Outcome, Failure> {
        let ready = self.ready().await.map_err(Failure::from_layers)?;
        ready.call(delivery).await.map_err(Failure::from_layers)
    }
}
