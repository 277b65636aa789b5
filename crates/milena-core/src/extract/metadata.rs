use crate::{
    extract::FromRecord,
    record::{Record, Timestamp},
};
use std::{convert::Infallible, fmt, sync::Arc};

/// Where and when the record was written.
///
/// ```
/// use milena_core::extract::Metadata;
///
/// async fn print(at: Metadata) {
///     println!("{at}"); // orders/3/42
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metadata {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// The timestamp.
    pub timestamp: Timestamp,
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

impl<S: Sync> FromRecord<S> for Metadata {
    type Rejection = Infallible;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Infallible> {
        Ok(Self {
            topic: record.chunk().place().topic.clone(),
            partition: record.partition(),
            offset: record.offset(),
            timestamp: record.timestamp(),
        })
    }
}
