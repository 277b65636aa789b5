use crate::route::Refused;
use futures_util::future::BoxFuture;
use milena_core::{
    error::BoxError,
    extract::FromRecord,
    handler::{Delivery, Outcome},
};
use std::{
    fmt,
    marker::PhantomData,
    mem,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// Runs the extractor `E` for each record before its handler, which does not get what comes of it.
///
/// It is for what has to be so before a handler is called: that a tenant is known, or a signature is right.
/// A record that `E` refuses takes the failure path of its subscription, as one that cannot be decoded does,
/// and is not retried. In a batch it fails alone, and the handler gets the rest.
///
/// ```
/// use milena::{Record, Router, each, extract::{FromRecord, Rejection}, layers::from_extractor};
///
/// struct Signed;
///
/// impl<S: Sync> FromRecord<S> for Signed {
///     type Rejection = Rejection;
///
///     async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
///         match record.headers().get("signature") {
///             Some(_) => Ok(Signed),
///             None => Err(Rejection::new("signature", "there is none")),
///         }
///     }
/// }
///
/// # async fn bill() {}
/// # let _: Router =
/// Router::new("billing").subscribe("orders", each(bill).dead_letters()).layer(from_extractor::<Signed>())
/// # ;
/// ```
pub fn from_extractor<E: FromRecord<()>>() -> FromExtractorLayer<E> {
    from_extractor_with_state(())
}

/// The same with an extractor that needs a state.
pub fn from_extractor_with_state<E: FromRecord<S>, S>(state: S) -> FromExtractorLayer<E, S> {
    FromExtractorLayer { state, extractor: PhantomData }
}

/// Puts an extractor before a handler; [`from_extractor`] makes one.
pub struct FromExtractorLayer<E, S = ()> {
    state: S,
    extractor: PhantomData<fn() -> E>,
}

impl<E, S: Clone> Clone for FromExtractorLayer<E, S> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), extractor: PhantomData }
    }
}

impl<E, S> fmt::Debug for FromExtractorLayer<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FromExtractorLayer({})", std::any::type_name::<E>())
    }
}

impl<T, E, S: Clone> Layer<T> for FromExtractorLayer<E, S> {
    type Service = FromExtractor<T, E, S>;

    fn layer(&self, inner: T) -> Self::Service {
        FromExtractor { inner, state: self.state.clone(), extractor: PhantomData }
    }
}

/// A service behind an extractor; [`from_extractor`] makes its layer.
pub struct FromExtractor<T, E, S = ()> {
    inner: T,
    state: S,
    extractor: PhantomData<fn() -> E>,
}

impl<T: Clone, E, S: Clone> Clone for FromExtractor<T, E, S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), state: self.state.clone(), extractor: PhantomData }
    }
}

impl<T, E, S> fmt::Debug for FromExtractor<T, E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FromExtractor({})", std::any::type_name::<E>())
    }
}

impl<T, E, S> Service<Delivery> for FromExtractor<T, E, S>
where
    T: Service<Delivery, Response = Outcome> + Clone + Send + 'static,
    T::Error: Into<BoxError>,
    T::Future: Send,
    E: FromRecord<S> + 'static,
    S: Clone + Send + Sync + 'static,
{
    type Response = Outcome;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Outcome, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, delivery: Delivery) -> Self::Future {
        // The one that is ready is the one that is called.
        let next = self.inner.clone();
        let (mut inner, state) = (mem::replace(&mut self.inner, next), self.state.clone());
        Box::pin(async move {
            if !passes::<E, S>(&delivery, &state).await? {
                return Ok(Outcome::done());
            }
            inner.call(delivery).await.map_err(Into::into)
        })
    }
}

/// Whether something is left to call the handler with.
async fn passes<E: FromRecord<S>, S>(delivery: &Delivery, state: &S) -> Result<bool, Refused> {
    if !delivery.is_batch() {
        let extracted = E::from_record(delivery.first(), state).await;
        return extracted.map(|_| true).map_err(|why| Refused(why.into()));
    }
    let (gone, mut passed) = (delivery.refused_so_far(), false);
    for (index, record) in delivery.records().enumerate() {
        if gone.contains(&index) {
            continue;
        }
        match E::from_record(record, state).await {
            Ok(_) => passed = true,
            Err(why) => delivery.refuse(index, why.into()),
        }
    }
    Ok(passed)
}
