use crate::{
    error::{BoxError, Error, ErrorKind},
    extract::{FromRecord, Rejection},
    handler::Operation,
    record::Record,
    transport::{Delivered, Receipt},
};

/// The acknowledgement of the record, by hand.
///
/// A handler that takes one is not done with its record when it returns, but when `done` is called:
/// by whoever the `Ack` was given to, and whenever. Owning it is the responsibility, so dropping it
/// is a failure of the record. Such a late failure is not retried: it goes to the dead letter topic,
/// is skipped, or stops the service, as the subscription says.
///
/// ```
/// use milena_core::extract::Ack;
///
/// async fn hand_on(ack: Ack) {
///     tokio::spawn(async move {
///         // ... work that outlives the call ...
///         ack.done();
///     });
/// }
/// ```
#[derive(Debug)]
#[must_use = "dropping an `Ack` fails its record"]
pub struct Ack(Option<Receipt>);

impl Ack {
    /// The record is done.
    pub fn done(mut self) {
        self.deliver(Ok(Delivered::default()));
    }

    /// The record failed, for this reason.
    pub fn fail(mut self, why: impl Into<BoxError>) {
        let why = why.into();
        self.deliver(Err(Error::new(ErrorKind::Record, why.to_string()).with_source(why)));
    }

    fn deliver(&mut self, result: Result<Delivered, Error>) {
        if let Some(receipt) = self.0.take() {
            receipt.deliver(result);
        }
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        self.deliver(Err(Error::new(ErrorKind::Record, "its `Ack` was dropped")));
    }
}

impl<S: Sync> FromRecord<S> for Ack {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        let reject = || Rejection::new("ack", "the record is not part of a running service");
        record.hold().map(|receipt| Self(Some(receipt))).ok_or_else(reject)
    }

    fn describe(operation: &mut Operation) {
        operation.manual_ack = true;
    }
}
