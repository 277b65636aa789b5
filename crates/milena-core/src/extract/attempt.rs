use crate::{extract::FromRecord, record::Record};
use std::convert::Infallible;

/// The how manieth call of the handler with this record this is, from 1.
///
/// Each call counts: those that a policy makes behind an error, and those that an outcome asked for.
/// The records of a batch are counted each for itself. The count begins anew when the partition is
/// assigned anew, as nothing remembers it but this process.
///
/// ```
/// use milena_core::extract::Attempt;
///
/// async fn charge(Attempt(attempt): Attempt) {
///     if attempt > 1 {
///         println!("the customer may have been charged already");
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Attempt(pub u32);

impl<S: Sync> FromRecord<S> for Attempt {
    type Rejection = Infallible;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(record.attempt()))
    }
}
