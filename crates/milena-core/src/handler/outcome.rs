use crate::{
    error::{BoxError, boxed},
    reply::ProducerRecord,
};
use std::time::Duration;

/// What a handler decided about its record, and what is published before the record counts as done.
///
/// An error is a surprise and follows the subscription's policy; an outcome is a decision and is
/// obeyed.
///
/// ```
/// use milena_core::Outcome;
///
/// async fn refund() -> Result<Outcome, std::io::Error> {
///     Ok(Outcome::dead_letter("a refund of a refund"))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "an outcome is obeyed only when the handler returns it"]
pub struct Outcome {
    /// What is to happen to the record.
    pub decision: Decision,
    /// What is published first.
    pub records: Vec<ProducerRecord>,
}

/// What is to happen to a record.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Decision {
    /// It is done.
    #[default]
    Done,
    /// It is done without a result, for this reason.
    Skip(String),
    /// It goes to the dead letter topic of the subscription, for this reason. Without such a topic this is an error.
    DeadLetter(String),
    /// The handler is called with it again after this time. These calls count as attempts, but have no limit.
    RetryAfter(Duration),
    /// The service stops before it, for this reason.
    Stop(String),
    /// Each record of a batch is settled for itself, as the outcome at its place says: one for each of
    /// the items that the handler was given, in their order.
    OfEach(Vec<Outcome>),
}

impl Outcome {
    /// The record is done.
    pub fn done() -> Self {
        Self::default()
    }

    /// The record is done without a result, for this reason, which is logged and counted.
    pub fn skip(why: impl Into<String>) -> Self {
        Self::from(Decision::Skip(why.into()))
    }

    /// The record goes to the dead letter topic, for this reason.
    pub fn dead_letter(why: impl Into<String>) -> Self {
        Self::from(Decision::DeadLetter(why.into()))
    }

    /// The handler is called with the record again after this time; its lane waits.
    pub fn retry_after(delay: Duration) -> Self {
        Self::from(Decision::RetryAfter(delay))
    }

    /// The service stops before the record, for this reason.
    pub fn stop(why: impl Into<String>) -> Self {
        Self::from(Decision::Stop(why.into()))
    }

    /// The same decision, with one more record to publish first.
    pub fn publish(mut self, record: ProducerRecord) -> Self {
        self.records.push(record);
        self
    }
}

impl From<Decision> for Outcome {
    fn from(decision: Decision) -> Self {
        Self { decision, records: Vec::new() }
    }
}

/// Marks what is called once a record.
#[derive(Debug)]
pub struct Each;

/// Marks what is called once a batch.
#[derive(Debug)]
pub struct Batched;

/// What a handler may return when nothing of it is published.
///
/// | value | says |
/// |---|---|
/// | `()` | the record is done, or the batch |
/// | [`Outcome`] | what is to happen to the record, or to all records of the batch |
/// | `Vec<Outcome>`, of a batch | what is to happen to each record: one outcome for each item that the handler was given, in their order |
/// | `Result<value, error>` | the same; the error is for the subscription's policy |
///
/// Each outcome of a `Vec` is obeyed for its record alone, with what it publishes. The records that are
/// to be called with again are so together, after the longest of their times. With another number of
/// outcomes than of items the call has failed.
///
/// ```
/// use milena_core::{Json, Outcome, extract::Batch};
/// # use schemars::JsonSchema;
/// # use serde::Deserialize;
/// # #[derive(Deserialize, JsonSchema)] struct Click { page: String }
///
/// async fn store(Batch(clicks): Batch<Json<Click>>) -> Vec<Outcome> {
///     let outcome = |Json(click): Json<Click>| match &*click.page {
///         "" => Outcome::dead_letter("a click on nothing"),
///         _ => Outcome::done(),
///     };
///     clicks.into_iter().map(outcome).collect()
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a subscription cannot end with `{Self}`",
    label = "the handler returns `{Self}`",
    note = "a handler returns `()`, `Outcome`, or a `Result` of those with any error; of a batch also `Vec<Outcome>`, one for each item",
    note = "to publish the returned value, name its topic: `each(handler).publish_to(\"topic\")`"
)]
pub trait IntoOutcome<C = Each> {
    /// The outcome, or the error that the subscription's policy is for.
    ///
    /// # Errors
    ///
    /// The handler's own.
    fn into_outcome(self) -> Result<Outcome, BoxError>;
}

impl<C> IntoOutcome<C> for () {
    fn into_outcome(self) -> Result<Outcome, BoxError> {
        Ok(Outcome::done())
    }
}

impl<C> IntoOutcome<C> for Outcome {
    fn into_outcome(self) -> Result<Outcome, BoxError> {
        Ok(self)
    }
}

impl IntoOutcome<Batched> for Vec<Outcome> {
    fn into_outcome(self) -> Result<Outcome, BoxError> {
        Ok(Decision::OfEach(self).into())
    }
}

impl<C, T: IntoOutcome<C>, E: Into<BoxError> + 'static> IntoOutcome<C> for Result<T, E> {
    fn into_outcome(self) -> Result<Outcome, BoxError> {
        self.map_err(boxed)?.into_outcome()
    }
}
