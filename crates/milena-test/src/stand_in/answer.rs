use milena::router::Replies;
use milena_core::{
    error::BoxError,
    handler::{IntoOutcome, Outcome},
    record::Record,
    reply::IntoRecords,
};

/// What may stand for the answer of a handler: what a handler may return.
///
/// A value that can be published is published where the handler's own would be, and answers who asks by
/// `reply_to`; `()`, an `Outcome`, and a
/// `Result` of those are what they are for a handler. `M` is found by the compiler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand for the answer of a handler",
    note = "what a handler returns can: a value to be published, `()`, `Outcome`, or a `Result` of those"
)]
pub trait Answer<M> {
    /// The outcome of the call with this record, of a handler whose values go there.
    ///
    /// # Errors
    ///
    /// The value is an error, or cannot be written.
    fn outcome(self, replies: &Replies, record: &Record) -> Result<Outcome, BoxError>;
}

/// Marks an answer that is published.
#[derive(Debug)]
pub struct Published;

/// Marks an answer that decides.
#[derive(Debug)]
pub struct Decided;

impl<R: IntoRecords> Answer<Published> for R {
    fn outcome(self, replies: &Replies, record: &Record) -> Result<Outcome, BoxError> {
        replies.publish(self, record)
    }
}

impl<R: IntoOutcome> Answer<Decided> for R {
    fn outcome(self, replies: &Replies, record: &Record) -> Result<Outcome, BoxError> {
        replies.settle(self, record)
    }
}
