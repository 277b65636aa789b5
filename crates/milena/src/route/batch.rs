use super::{Finish, Plan, Refused, Route, Runner};
use milena_core::handler::{BatchArguments, Delivery, Handler, Outcome};
use std::marker::PhantomData;
use tower::service_fn;

/// A handler that is called once a batch.
pub(crate) struct BatchHandler<H: Handler<Args>, Args> {
    handler: H,
    finish: Finish<H::Output>,
    args: PhantomData<fn(Args)>,
}

impl<H: Handler<Args>, Args> BatchHandler<H, Args> {
    pub(crate) fn new(handler: H, finish: Finish<H::Output>) -> Self {
        Self { handler, finish, args: PhantomData }
    }
}

impl<H: Handler<Args>, Args> Clone for BatchHandler<H, Args> {
    fn clone(&self) -> Self {
        Self::new(self.handler.clone(), self.finish.clone())
    }
}

impl<S, H, Args> Plan<S> for BatchHandler<H, Args>
where
    S: Clone + Send + Sync + 'static,
    H: Handler<Args>,
    H::Output: 'static,
    H::Future: Send,
    Args: BatchArguments<S> + Send + 'static,
{
    fn route(&self, state: S) -> Route {
        let this = self.clone();
        Route::new(service_fn(move |delivery: Delivery| {
            let (this, state) = (this.clone(), state.clone());
            async move {
                match Args::from_delivery(&delivery, &state).await.map_err(Refused)? {
                    Some(args) => (this.finish)(this.handler.call(args).await),
                    // Every record was refused, each for itself.
                    None => Ok(Outcome::done()),
                }
            }
        }))
    }

    fn runner(&self, state: S) -> Runner {
        Runner::Batch(self.route(state))
    }
}
