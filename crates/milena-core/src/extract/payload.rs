use crate::{
    extract::{FromRecord, Rejection},
    record::{Headers, Record, Timestamp},
    reply::Publisher,
};
use bytes::Bytes;
use std::convert::Infallible;

/// The value of the record, or the refusal of a null one.
pub(super) fn present(record: &Record) -> Result<&[u8], Rejection> {
    let hint = "it is null (a tombstone); an `Option` of the extractor takes it as `None`";
    record.value().ok_or_else(|| Rejection::new("value", hint))
}

impl<S: Sync> FromRecord<S> for Bytes {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        present(record).map(Self::copy_from_slice)
    }

    fn is_absent(record: &Record) -> bool {
        record.value().is_none()
    }
}

impl<S: Sync> FromRecord<S> for String {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        let text =
            str::from_utf8(present(record)?).map_err(|error| Rejection::new("value", error))?;
        Ok(text.to_owned())
    }

    fn is_absent(record: &Record) -> bool {
        record.value().is_none()
    }
}

impl<S: Sync> FromRecord<S> for Headers {
    type Rejection = Infallible;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Infallible> {
        Ok(record.headers())
    }
}

impl<S: Sync> FromRecord<S> for Timestamp {
    type Rejection = Infallible;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Infallible> {
        Ok(record.timestamp())
    }

    fn is_absent(record: &Record) -> bool {
        record.timestamp() == Self::None
    }
}

impl<S: Sync> FromRecord<S> for Record {
    type Rejection = Infallible;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Infallible> {
        Ok(record.clone())
    }
}

impl<S: Sync> FromRecord<S> for Publisher {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        record.extension().cloned().ok_or_else(|| {
            Rejection::new("publisher", "the record is not part of a running service")
        })
    }
}
