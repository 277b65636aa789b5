use crate::{
    error::BoxError,
    record::{Headers, Timestamp},
    reply::ProducerRecord,
};

/// What stands before the value in a tuple that is published: a key, headers, a timestamp, a partition.
///
/// A key is a `&str`, `String`, `Bytes`, `Vec<u8>`, an integer (big endian, as Java writes it) or a
/// `Key<T>`; `CorrelationId` is that header. `Option<part>` leaves the record as it is when it is `None`, so an `Option<Key<Bytes>>`
/// keeps a null key null.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a part of a published record",
    label = "this stands before the published value",
    note = "a key (`&str`, `String`, `Bytes`, `Vec<u8>`, integers, `Key<T>`), `Headers`, `CorrelationId`, `Timestamp`, `Partition`, or an `Option` of those can stand there"
)]
pub trait RecordPart {
    /// Writes itself into the record.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    fn apply(&self, record: &mut ProducerRecord) -> Result<(), BoxError>;
}

/// The partition that a record is published to, whatever its key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Partition(pub i32);

impl RecordPart for Partition {
    fn apply(&self, record: &mut ProducerRecord) -> Result<(), BoxError> {
        record.partition = Some(self.0);
        Ok(())
    }
}

impl RecordPart for Headers {
    fn apply(&self, record: &mut ProducerRecord) -> Result<(), BoxError> {
        record.headers.append(self);
        Ok(())
    }
}

impl RecordPart for Timestamp {
    fn apply(&self, record: &mut ProducerRecord) -> Result<(), BoxError> {
        record.timestamp = self.millis();
        Ok(())
    }
}

impl<P: RecordPart> RecordPart for Option<P> {
    fn apply(&self, record: &mut ProducerRecord) -> Result<(), BoxError> {
        self.as_ref().map_or(Ok(()), |part| part.apply(record))
    }
}
