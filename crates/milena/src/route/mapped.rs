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

/// What a function that changes records may return: a [`Record`], or a `Result` of one with any error.
#[diagnostic::on_unimplemented(
    message = "a record cannot be mapped to `{Self}`",
    label = "the function returns `{Self}`",
    note = "`map_record` takes a function that returns a `Record`, or a `Result` of one with any error"
)]
pub trait IntoRecord {
    /// The record, or why it is refused.
    ///
    /// # Errors
    ///
    /// The function's own.
    fn into_record(self) -> Result<Record, BoxError>;
}

impl IntoRecord for Record {
    fn into_record(self) -> Result<Record, BoxError> {
        Ok(self)
    }
}

impl<E: Into<BoxError> + 'static> IntoRecord for Result<Record, E> {
    fn into_record(self) -> Result<Record, BoxError> {
        self.map_err(Into::into)
    }
}

pub(crate) type Map = Arc<dyn Fn(Record) -> Result<Record, BoxError> + Send + Sync>;

pub(crate) fn map<R: IntoRecord>(map: impl Fn(Record) -> R + Send + Sync + 'static) -> Map {
    Arc::new(move |record| map(record).into_record())
}

/// What records are made into before a layer, an extractor or the handler sees them, in this order.
#[derive(Clone, Default)]
pub(crate) struct Maps(Vec<Map>);

impl Maps {
    pub(crate) fn push(&mut self, map: Map) {
        self.0.push(map);
    }

    pub(crate) fn extend(&mut self, inner: &Self) {
        self.0.extend_from_slice(&inner.0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is made of a record.
    pub(crate) fn apply(&self, record: Record) -> Result<Record, BoxError> {
        self.0.iter().try_fold(record, |record, map| map(record))
    }

    /// The route, called with what is made of its records.
    pub(crate) fn before(self, route: Route) -> Route {
        if self.is_empty() { route } else { Route::new(Mapped { maps: self, route }) }
    }
}

/// A route that is called with other records than were delivered.
#[derive(Clone)]
struct Mapped {
    maps: Maps,
    route: Route,
}

impl Service<Delivery> for Mapped {
    type Response = Outcome;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Outcome, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, delivery: Delivery) -> Self::Future {
        let (maps, route) = (self.maps.clone(), self.route.clone());
        Box::pin(async move {
            match delivery.map_or_refuse(|record| maps.apply(record)).map_err(Refused)? {
                Some(delivery) => route.oneshot(delivery).await,
                None => Ok(Outcome::done()),
            }
        })
    }
}
