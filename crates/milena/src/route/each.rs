use super::{Attempt, Called, Failure, Finish, Plan, Refused, Route, Run, Runner, Spread, Turn};
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
    finish: Finish<H::Output>,
    args: PhantomData<fn(Args)>,
}

impl<H: Handler<Args>, Args> EachHandler<H, Args> {
    pub(crate) fn new(handler: H, finish: Finish<H::Output>) -> Self {
        Self { handler, finish, args: PhantomData }
    }
}

impl<H: Handler<Args>, Args> Clone for EachHandler<H, Args> {
    fn clone(&self) -> Self {
        Self::new(self.handler.clone(), self.finish.clone())
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
    fn route(&self, state: S) -> Route {
        let this = self.clone();
        Route::new(service_fn(move |delivery: Delivery| {
            let (this, state) = (this.clone(), state.clone());
            async move {
                let args = Args::from_record(delivery.first(), &state).await.map_err(Refused)?;
                (this.finish)(this.handler.call(args).await)
            }
        }))
    }

    fn runner(&self, state: S) -> Runner {
        Runner::Each(Arc::new(Direct { handler: self.clone(), state }))
    }
}

/// The handler with its state, called without anything in between.
struct Direct<H: Handler<Args>, Args, S> {
    handler: EachHandler<H, Args>,
    state: S,
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
        let returned = self.handler.handler.call(args).await;
        (self.handler.finish)(returned).map_err(Failure::Failed)
    }
}
