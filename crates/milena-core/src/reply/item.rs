use crate::{
    error::BoxError,
    record::names,
    reply::{IntoRecords, ProducerRecord, Publish, RecordPart},
};
use uuid::Uuid;

/// What a [`Publisher<T>`](crate::Publisher) takes: a `T`, alone or in a tuple behind the
/// [parts](RecordPart) of its record, as in `(key, T)` or `(key, headers, T)`.
///
/// A `Publisher<()>`, whose target names no type, takes any value, and a plain `Publisher` takes
/// [`ProducerRecord`]s as they are.
#[diagnostic::on_unimplemented(
    message = "a `Publisher<{T}>` does not take `{Self}`",
    label = "this is not what it publishes",
    note = "it takes a value of its type, or `(key, value)`, `(key, headers, value)` and so on"
)]
pub trait Item<T> {
    /// The records of it.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    fn write(self, to: &Publish) -> Result<Vec<ProducerRecord>, BoxError>;
}

impl Item<Self> for ProducerRecord {
    fn write(self, _to: &Publish) -> Result<Vec<ProducerRecord>, BoxError> {
        Ok(vec![self])
    }
}

impl<V: IntoRecords> Item<()> for V {
    fn write(self, to: &Publish) -> Result<Vec<ProducerRecord>, BoxError> {
        written(to, self)
    }
}

impl<T: IntoRecords> Item<Self> for T {
    fn write(self, to: &Publish) -> Result<Vec<ProducerRecord>, BoxError> {
        written(to, self)
    }
}

macro_rules! parts {
    ($($part:ident),*) => {
        impl<T: IntoRecords, $($part: RecordPart),*> Item<T> for ($($part,)* T) {
            fn write(self, to: &Publish) -> Result<Vec<ProducerRecord>, BoxError> {
                written(to, self)
            }
        }
    };
}

parts!(P1);
parts!(P1, P2);
parts!(P1, P2, P3);
parts!(P1, P2, P3, P4);

/// The records of a value, each with a `correlation_id` that what comes of it can pass on.
pub(super) fn written(
    to: &Publish,
    value: impl IntoRecords,
) -> Result<Vec<ProducerRecord>, BoxError> {
    let mut records = to.write(value)?;
    if !to.is_bare() {
        records.iter_mut().for_each(correlate);
    }
    Ok(records)
}

/// Gives the record a `correlation_id`, unless it has one.
pub(super) fn correlate(record: &mut ProducerRecord) {
    if !record.headers.contains(names::CORRELATION_ID) {
        let id = Uuid::new_v4().hyphenated().to_string();
        record.headers.push(names::CORRELATION_ID, id);
    }
}
