use super::{
    Attempt, Called, Ending, Failure, Plan, Replies, Route, Run, Runner, Spread, Turn,
    finish::Finish,
};
use futures_util::future::BoxFuture;
use milena_core::{
    handler::{Arguments, Delivery, Handler, Outcome},
    record::Record,
};
use std::{marker::PhantomData, sync::Arc, task};
use tower::service_fn;

/// A handler that is called once a record.
pub(crate) struct EachHandler<H: Handler<Args>, Args> {
    handler: H,
    ending: Ending<H::Output>,
    args: PhantomData<fn(Args)>,
}

impl<H: Handler<Args>, Args> EachHandler<H, Args> {
    pub(crate) fn new(handler: H, ending: Ending<H::Output>) -> Self {
        Self { handler, ending, args: PhantomData }
    }

    fn direct<S>(&self, state: S, replies: &Replies) -> Arc<Direct<H, Args, S>> {
        let finish = (self.ending)(replies);
        Arc::new(Direct { handler: self.handler.clone(), finish, state, args: PhantomData })
    }
}

impl<S, H, Args> Plan<S> for EachHandler<H, Args>
where
    S: Clone + Send + Sync + 'static,
    H: Handler<Args>,
    H::Output: 'static,
    H::Future: Send,
    Args: Arguments<S> + Send + 'static,
{
    fn route(&self, state: S, replies: &Replies) -> Route {
        let direct = self.direct(state, replies);
        Route::new(service_fn(move |delivery: Delivery| {
            let direct = direct.clone();
            async move {
                let outcome = Attempt::attempt(&mut &*direct, delivery.first()).await;
                outcome.map_err(Failure::into_error)
            }
        }))
    }

    fn runner(&self, state: S, replies: &Replies) -> Runner {
        Runner::Each(self.direct(state, replies))
    }

    fn within(&self, route: Route) -> Runner {
        Runner::through(route)
    }
}

/// The handler with its state, called without anything in between.
struct Direct<H: Handler<Args>, Args, S> {
    handler: H,
    finish: Finish<H::Output>,
    state: S,
    args: PhantomData<fn(Args)>,
}

impl<H, Args, S> Run for Direct<H, Args, S>
where
    S: Send + Sync + 'static,
    H: Handler<Args>,
    H::Output: 'static,
    H::Future: Send,
    Args: Arguments<S> + Send + 'static,
{
    fn run<'a>(&'a self, turn: &'a mut Turn<'_>) -> BoxFuture<'a, Option<Called>> {
        Box::pin(turn.drive(self))
    }

    fn spread(self: Arc<Self>, turn: &mut Turn<'_>, cx: &mut task::Context<'_>) -> Option<Spread> {
        turn.spread(cx, |record| {
            let this = self.clone();
            async move { Attempt::attempt(&mut &*this, &record).await }
        })
    }
}

impl<H, Args, S> Attempt for &Direct<H, Args, S>
where
    S: Send + Sync,
    H: Handler<Args>,
    H::Future: Send,
    Args: Arguments<S> + Send,
{
    async fn attempt(&mut self, record: &Record) -> Result<Outcome, Failure> {
        let args = Args::from_record(record, &self.state).await.map_err(Failure::Refused)?;
        let returned = self.handler.call(args).await;
        (self.finish)(returned, record).map_err(Failure::Failed)
    }
}
