use milena_core::{
    record::{
        Chunk, Context, Epoch, Extensions, Hold, OwnedRecord, Record, Timestamp, TopicPartition,
    },
    reply::ProducerRecord,
    transport::{BoxFuture, Captures, Delivered, Receipt},
};
use std::sync::Arc;

/// The record as it is now, with memory of its own: it keeps no chunk and no client of a broker, and
/// nothing waits for it.
pub(crate) fn copied(record: &Record) -> Record {
    let owned = OwnedRecord {
        offset: record.offset(),
        timestamp: record.timestamp(),
        key: record.key().map(bytes::Bytes::copy_from_slice),
        value: record.value().map(bytes::Bytes::copy_from_slice),
        headers: record.headers(),
    };
    let (place, epoch) = (record.chunk().place().clone(), record.chunk().epoch());
    let chunk = Chunk::new(place, epoch, vec![owned]);
    let chunk = match record.extension::<Captures>() {
        Some(captures) => {
            let extensions = Extensions::default().with(captures.clone());
            chunk.in_context(Context::new(Arc::new(extensions), Arc::new(NoHold)))
        }
        None => chunk,
    };
    Record::new(Arc::new(chunk), 0).with_attempt(record.attempt())
}

/// What was sent, as the record that it became; without an answer of the broker it has no place.
pub(crate) fn sent(record: &ProducerRecord, at: Option<&Delivered>) -> Record {
    let (partition, offset) = match at {
        Some(at) => (at.partition, at.offset),
        None => (record.partition.unwrap_or(-1), -1),
    };
    let owned = OwnedRecord {
        offset,
        timestamp: record.timestamp.map_or(Timestamp::None, Timestamp::Created),
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
    };
    let place = TopicPartition::new(record.topic.clone(), partition);
    Record::new(Arc::new(Chunk::new(place, Epoch::default(), vec![owned])), 0)
}

/// Nothing waits for a copy.
struct NoHold;

impl Hold for NoHold {
    fn hold(&self, _index: u32, _attempt: u32) -> Option<Receipt> {
        None
    }

    fn has_left(&self) -> bool {
        false
    }

    fn left(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}
