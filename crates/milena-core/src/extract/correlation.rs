use crate::{
    error::BoxError,
    extract::{FromRecord, Rejection},
    handler::Operation,
    record::{Record, names},
    reply::{ProducerRecord, RecordPart},
};
use bytes::Bytes;
use std::fmt;

/// What a record, what came of it, and the answer to it have in common: the header `correlation_id`.
///
/// `Option<CorrelationId>` is `None` when the record has no such header, or it is null. Before the value
/// of a reply it gives the reply this id, instead of any other. An id is any bytes; what is no text is
/// shown with replacement characters.
///
/// ```
/// use milena_core::extract::CorrelationId;
///
/// async fn copy(id: Option<CorrelationId>, text: String) -> (Option<CorrelationId>, String) {
///     (id, text)
/// }
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CorrelationId(Bytes);

impl CorrelationId {
    /// This id.
    pub fn new(id: impl Into<Bytes>) -> Self {
        Self(id.into())
    }

    /// The bytes of the id.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl<S: Sync> FromRecord<S> for CorrelationId {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        let absent = || {
            let part = format!("header `{}`", names::CORRELATION_ID);
            Rejection::new(part, "there is none, or it is null")
        };
        record.header(names::CORRELATION_ID).map(Self).ok_or_else(absent)
    }

    fn is_absent(record: &Record) -> bool {
        record.header(names::CORRELATION_ID).is_none()
    }

    fn describe(operation: &mut Operation) {
        operation.headers.push(names::CORRELATION_ID);
    }
}

impl RecordPart for CorrelationId {
    fn apply(&self, record: &mut ProducerRecord) -> Result<(), BoxError> {
        record.headers.set(names::CORRELATION_ID, self.0.clone());
        Ok(())
    }
}
