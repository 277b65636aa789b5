use super::{Refused, Route};
use futures_util::future::BoxFuture;
use milena_core::{
    error::BoxError,
    handler::{Delivery, Outcome},
    record::Record,
};
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Service, ServiceExt};

/// Says which records a handler takes.
pub(crate) type Predicate = Arc<dyn Fn(&Record) -> bool + Send + Sync>;

/// Handlers of which the first that takes a record is called with it.
#[derive(Clone)]
pub(crate) struct Choice(Arc<[(Option<Predicate>, Route)]>);

impl Choice {
    pub(crate) fn new(alternatives: impl IntoIterator<Item = (Option<Predicate>, Route)>) -> Self {
        Self(alternatives.into_iter().collect())
    }
}

impl Service<Delivery> for Choice {
    type Response = Outcome;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Outcome, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, delivery: Delivery) -> Self::Future {
        let alternatives = self.0.clone();
        // A predicate is a part of the call, so that a panic in it is a failure of this record.
        Box::pin(async move {
            let takes = |when: &Option<Predicate>| {
                when.as_ref().is_none_or(|takes| takes(delivery.first()))
            };
            match alternatives.iter().find(|(when, _)| takes(when)) {
                Some((_, route)) => route.clone().oneshot(delivery).await,
                None => Err(Refused("no handler takes it".into()).into()),
            }
        })
    }
}
