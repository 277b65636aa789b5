use super::Route;
use futures_util::future::BoxFuture;
use milena_core::{
    error::{BoxError, Error, ErrorKind},
    handler::{Delivery, Outcome},
};
use std::{
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::timeout;
use tower::{Service, ServiceExt};

/// A route whose calls are dropped when they take too long, wherever they are: in a layer, an extractor
/// or the handler.
#[derive(Clone)]
pub(super) struct Bounded {
    route: Route,
    within: Duration,
}

impl Bounded {
    pub(super) fn new(route: Route, within: Duration) -> Self {
        Self { route, within }
    }
}

impl Service<Delivery> for Bounded {
    type Response = Outcome;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Outcome, BoxError>>;

    // That a layer is not ready is part of the call, so that it is bounded, too.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, delivery: Delivery) -> Self::Future {
        let (route, within) = (self.route.clone(), self.within);
        Box::pin(async move {
            let call = timeout(within, route.oneshot(delivery));
            call.await.unwrap_or_else(|_| Err(too_late(within).into()))
        })
    }
}

fn too_late(within: Duration) -> Error {
    let message = format!("could not finish the call within {within:?}: it was dropped");
    Error::new(ErrorKind::TimedOut, message)
}
