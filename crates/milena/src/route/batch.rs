use super::{Ending, Plan, Refused, Replies, Route, Runner};
use milena_core::handler::{BatchArguments, Delivery, Handler, Outcome};
use std::marker::PhantomData;
use tower::service_fn;

/// A handler that is called once a batch.
pub(crate) struct BatchHandler<H: Handler<Args>, Args> {
    handler: H,
    ending: Ending<H::Output>,
    args: PhantomData<fn(Args)>,
}

impl<H: Handler<Args>, Args> BatchHandler<H, Args> {
    pub(crate) fn new(handler: H, ending: Ending<H::Output>) -> Self {
        Self { handler, ending, args: PhantomData }
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
    fn route(&self, state: S, replies: &Replies) -> Route {
        // Nobody is answered for many records at once.
        let replies = Replies { answers: false, ..replies.clone() };
        let (handler, finish) = (self.handler.clone(), (self.ending)(&replies));
        Route::new(service_fn(move |delivery: Delivery| {
            let (handler, finish, state) = (handler.clone(), finish.clone(), state.clone());
            async move {
                match Args::from_delivery(&delivery, &state).await.map_err(Refused)? {
                    Some(args) => finish(handler.call(args).await, delivery.first()),
                    // Every record was refused, each for itself.
                    None => Ok(Outcome::done()),
                }
            }
        }))
    }

    fn runner(&self, state: S, replies: &Replies) -> Runner {
        Runner::Batch(self.route(state, replies))
    }

    fn within(&self, route: Route) -> Runner {
        Runner::Batch(route)
    }
}
