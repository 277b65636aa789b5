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

/// What a handler may return when nothing of it is published.
#[diagnostic::on_unimplemented(
    message = "a subscription cannot end with `{Self}`",
    label = "the handler returns `{Self}`",
    note = "a handler returns `()`, `Outcome`, or a `Result` of those with any error",
    note = "to publish the returned value, name its topic: `each(handler).publish_to(\"topic\")`"
)]
pub trait IntoOutcome {
    /// The outcome, or the error that the subscription's policy is for.
    ///
    /// # Errors
    ///
    /// The handler's own.
    fn into_outcome(self) -> Result<Outcome, BoxError>;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Result<Outcome, BoxError> {
        Ok(Outcome::done())
    }
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Result<Outcome, BoxError> {
        Ok(self)
    }
}

impl<T: IntoOutcome, E: Into<BoxError> + 'static> IntoOutcome for Result<T, E> {
    fn into_outcome(self) -> Result<Outcome, BoxError> {
        self.map_err(boxed)?.into_outcome()
    }
}
