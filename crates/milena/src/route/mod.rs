//! What a subscription runs: its handler with its layers, erased once a chunk.

mod answer;
mod answering;
mod batch;
mod bounded;
mod choice;
mod each;
mod finish;
mod layered;
mod mapped;
mod turn;

pub(crate) use self::{
    answer::{Asked, is_topic_name},
    answering::Answering,
    batch::BatchHandler,
    choice::{Choice, Predicate},
    each::EachHandler,
    finish::{Ending, publishing, settling},
    layered::{Layers, wrap},
    mapped::{Maps, map},
    turn::{Called, Sink, Spread, Step, Turn},
};
pub use self::{finish::Replies, mapped::IntoRecord};
use self::{layered::Layered, turn::Attempt};

use crate::{
    planted::{Bug, planted},
    publishing::Outbox,
};
use futures_util::{FutureExt, future::BoxFuture};
use milena_core::{
    error::BoxError,
    handler::{Delivery, Outcome},
};
use std::{any::Any, fmt, panic::AssertUnwindSafe, sync::Arc, task};
use tower::{Service, util::BoxCloneSyncService};

/// The handler of a subscription as a `tower` service: what a layer wraps.
///
/// It is called once an attempt, with a record or with the records of a batch.
#[derive(Clone)]
pub struct Route(BoxCloneSyncService<Delivery, Outcome, BoxError>);

impl Route {
    pub(crate) fn new<T>(service: T) -> Self
    where
        T: Service<Delivery, Response = Outcome> + Clone + Send + Sync + 'static,
        T::Error: Into<BoxError>,
        T::Future: Send + 'static,
    {
        Self(BoxCloneSyncService::new(tower::util::MapErr::new(service, Into::into)))
    }
}

impl Service<Delivery> for Route {
    type Response = Outcome;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Outcome, BoxError>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, delivery: Delivery) -> Self::Future {
        self.0.call(delivery)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Route")
    }
}

/// What the lanes of a subscription run.
#[derive(Clone)]
pub(crate) enum Runner {
    /// A handler that is called once a record, over a chunk at a time.
    Each(Arc<dyn Run>),
    /// A handler that is called once a batch.
    Batch(Route),
}

impl Runner {
    /// A route that is called once a record.
    pub(crate) fn through(route: Route) -> Self {
        Self::Each(Arc::new(Layered(route)))
    }
}

/// A handler that still lacks a state `S`, and does not know yet where its replies go.
pub(crate) trait Plan<S>: Send + Sync {
    /// As the service that layers wrap.
    fn route(&self, state: S, replies: &Replies) -> Route;

    /// As what lanes run when there is nothing around it.
    fn runner(&self, state: S, replies: &Replies) -> Runner;

    /// This route, which has it inside, as what lanes run.
    fn within(&self, route: Route) -> Runner;
}

/// A handler with the loop around it.
pub(crate) trait Run: Send + Sync {
    /// Calls the handler with the records of the turn, one after the other, until the turn is over or
    /// a call ended in something that the sink does not settle by itself.
    fn run<'a>(&'a self, turn: &'a mut Turn<'_>) -> BoxFuture<'a, Option<Called>>;

    /// Calls the handler with the records of the turn, each for as long as it is ready, until one is not.
    fn spread(self: Arc<Self>, turn: &mut Turn<'_>, cx: &mut task::Context<'_>) -> Option<Spread>;
}

/// How a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An extractor refused the record: another attempt would read the same bytes.
    Refused(BoxError),
    /// The handler or a layer returned an error.
    Failed(BoxError),
    /// The handler, a layer or an extractor panicked.
    Panicked(String),
}

impl Failure {
    fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::Panicked(text.unwrap_or("a value that is not text").to_owned())
    }

    /// The error that the handler or a layer returned, if that is how it failed.
    pub(crate) fn error(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(&**error),
            Self::Refused(_) | Self::Panicked(_) => None,
        }
    }

    /// As an error that layers see.
    fn into_error(self) -> BoxError {
        match self {
            Self::Refused(error) => Box::new(Refused(error)),
            Self::Failed(error) => error,
            Self::Panicked(text) => text.into(),
        }
    }

    /// The error that an attempt through layers ended with.
    fn from_layers(error: BoxError) -> Self {
        match error.downcast::<Refused>() {
            Ok(refused) => Self::Refused(refused.0),
            Err(error) => Self::Failed(error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) | Self::Failed(error) => f.write_str(&told(&**error)),
            Self::Panicked(text) => write!(f, "the handler panicked: {text}"),
        }
    }
}

/// The error and what is behind it, as far as it does not tell of that itself.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// The error of a call that was none: an extractor refused the record, for this reason.
///
/// A layer sees it as the error of what it wraps. The record takes the failure path of its subscription
/// at once, because a retry would read the same bytes; so does one for which a layer makes such an error.
#[derive(Debug)]
pub struct Refused(pub(crate) BoxError);

impl Refused {
    /// A refusal for this reason.
    pub fn new(why: impl Into<BoxError>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {
    /// The rejection itself, for layers that look for its type.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// The same, with what the call publishes among what it returns, before that; when it fails, nothing is published.
pub(crate) async fn caught_in(
    outbox: Outbox,
    call: impl Future<Output = Result<Outcome, Failure>>,
) -> Result<Outcome, Failure> {
    if planted(Bug::PublishOfFailed) {
        return caught(call).await;
    }
    let (result, mut records) = outbox.collecting(caught(call)).await;
    let mut outcome = result?;
    if !records.is_empty() {
        records.append(&mut outcome.records);
        outcome.records = records;
    }
    Ok(outcome)
}

/// The call, with a panic in it as an error of it.
pub(crate) async fn caught(
    call: impl Future<Output = Result<Outcome, Failure>>,
) -> Result<Outcome, Failure> {
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(result) => result,
        Err(payload) => Err(Failure::panicked(&*payload)),
    }
}
