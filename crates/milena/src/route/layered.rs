use super::{
    Attempt, Called, Failure, Plan, Replies, Route, Run, Runner, Spread, Turn, bounded::Bounded,
    caught,
};
use futures_util::future::BoxFuture;
use milena_core::{
    error::BoxError,
    handler::{Delivery, Outcome},
    record::Record,
};
use std::{sync::Arc, task, time::Duration};
use tower::{Layer, Service, ServiceExt};

type Wrap = Arc<dyn Fn(Route) -> Route + Send + Sync>;

/// The layers of a subscription, innermost first.
#[derive(Clone, Default)]
pub(crate) struct Layers(Vec<Wrap>);

impl Layers {
    pub(crate) fn push<L>(&mut self, layer: L)
    where
        L: Layer<Route> + Send + Sync + 'static,
        L::Service: Service<Delivery, Response = Outcome> + Clone + Send + Sync + 'static,
        <L::Service as Service<Delivery>>::Error: Into<BoxError>,
        <L::Service as Service<Delivery>>::Future: Send + 'static,
    {
        self.0.push(Arc::new(move |route| Route::new(layer.layer(route))));
    }

    /// What lanes run: the plan itself when nothing is around it, which costs nothing a record.
    pub(crate) fn runner(
        &self,
        plan: &dyn Plan<()>,
        replies: &Replies,
        within: Option<Duration>,
    ) -> Runner {
        let bare = plan.runner((), replies);
        if self.0.is_empty() && within.is_none() {
            return bare;
        }
        let route = self.0.iter().fold(plan.route((), replies), |route, wrap| wrap(route));
        let route = match within {
            Some(within) => Route::new(Bounded::new(route, within)),
            None => route,
        };
        match bare {
            Runner::Each(_) => Runner::Each(Arc::new(Layered(route))),
            Runner::Batch(_) => Runner::Batch(route),
        }
    }
}

/// A handler that is called once a record, through its layers.
struct Layered(Route);

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
    pub(crate) async fn attempt_batch(&self, delivery: Delivery) -> Result<Outcome, Failure> {
        caught(self.clone().call_once(delivery)).await
    }

    async fn call_once(&mut self, delivery: Delivery) -> Result<Outcome, Failure> {
        let ready = self.ready().await.map_err(Failure::from_layers)?;
        ready.call(delivery).await.map_err(Failure::from_layers)
    }
}
