use crate::{
    error::{BoxError, Error},
    reply::ProducerRecord,
    transport::Delivered,
};

/// What every record goes through that a service publishes: replies, answers, requests, dead letters, and
/// what publishers send, one by one or many at once.
///
/// It is called once a record, when the record is handed to the producer, and must not block. A
/// function is one:
///
/// ```
/// use milena_core::{BoxError, ProducerRecord};
///
/// fn stamp(record: ProducerRecord) -> Result<ProducerRecord, BoxError> {
///     Ok(record.header("sent-by", "billing"))
/// }
/// ```
///
/// A record that a layer refuses is not published. A reply that is refused is a failure of the record
/// that it came of, which is not retried; an answer that is refused is dropped and counted; a dead letter is tried again, and its source
/// waits; a publisher gets the error.
pub trait PublishLayer: Send + Sync + 'static {
    /// The record to be published instead of this one.
    ///
    /// # Errors
    ///
    /// The record is not to be published.
    fn publish(&self, record: ProducerRecord) -> Result<ProducerRecord, BoxError>;

    /// The broker has answered for a record, as it was handed to it. It is called on a thread of the
    /// driver, and must not block.
    fn published(&self, record: &ProducerRecord, result: Result<&Delivered, &Error>) {
        let _ = (record, result);
    }
}

impl<F> PublishLayer for F
where
    F: Fn(ProducerRecord) -> Result<ProducerRecord, BoxError> + Send + Sync + 'static,
{
    fn publish(&self, record: ProducerRecord) -> Result<ProducerRecord, BoxError> {
        self(record)
    }
}
