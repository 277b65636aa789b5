use milena_core::{
    error::BoxError,
    handler::{IntoOutcome, Outcome, Reply},
    reply::{IntoRecords, Publish},
};

/// What may stand for the answer of a handler: what a handler may return.
///
/// A value that can be published is published where the handler's own would be; `()`, an `Outcome`, and a
/// `Result` of those are what they are for a handler. `M` is found by the compiler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand for the answer of a handler",
    note = "what a handler returns can: a value to be published, `()`, `Outcome`, or a `Result` of those"
)]
pub trait Answer<M> {
    /// The outcome of the call, of a handler that publishes to these targets.
    ///
    /// # Errors
    ///
    /// The value is an error, or cannot be written.
    fn outcome(self, replies: &[Reply]) -> Result<Outcome, BoxError>;
}

/// Marks an answer that is published.
#[derive(Debug)]
pub struct Published;

/// Marks an answer that decides.
#[derive(Debug)]
pub struct Decided;

impl<R: IntoRecords> Answer<Published> for R {
    fn outcome(self, replies: &[Reply]) -> Result<Outcome, BoxError> {
        let written = Publish::anywhere().write(self)?;
        let mut outcome = Outcome::done();
        for Reply { to, .. } in replies {
            outcome.records.extend(written.iter().cloned().map(|record| to.complete(record)));
        }
        Ok(outcome)
    }
}

impl<R: IntoOutcome> Answer<Decided> for R {
    fn outcome(self, _replies: &[Reply]) -> Result<Outcome, BoxError> {
        self.into_outcome()
    }
}
