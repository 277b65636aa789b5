use crate::{
    record::{Headers, Timestamp, TopicPartition},
    transport::{BoxFuture, Receipt},
};
use bytes::Bytes;
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::Arc,
};

/// Records of one partition that a driver handed over together, in order of their offsets.
///
/// A chunk is the unit of work between driver and lanes, so that what must be paid once is paid
/// once a chunk and not once a record. It is never empty.
pub struct Chunk {
    place: TopicPartition,
    epoch: Epoch,
    records: Arc<dyn Records>,
    context: Context,
}

impl Chunk {
    /// Records of this partition, read under this assignment.
    ///
    /// # Panics
    ///
    /// If there are no records.
    pub fn new(place: TopicPartition, epoch: Epoch, records: impl Records) -> Self {
        assert!(records.len() > 0, "a chunk has at least one record");
        Self { place, epoch, records: Arc::new(records), context: Context::default() }
    }

    /// The topic and the partition.
    pub fn place(&self) -> &TopicPartition {
        &self.place
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.place.topic
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.place.partition
    }

    /// The assignment that the records were read under.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The records.
    pub fn records(&self) -> &Arc<dyn Records> {
        &self.records
    }

    /// How many records there are.
    #[expect(clippy::len_without_is_empty, reason = "a chunk is never empty")]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The same records, not copied, in this context.
    #[must_use]
    pub fn in_context(&self, context: Context) -> Self {
        Self {
            place: self.place.clone(),
            epoch: self.epoch,
            records: self.records.clone(),
            context,
        }
    }

    pub(crate) fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.context.extensions.as_ref()?.get()
    }

    pub(crate) fn holds(&self) -> Option<&Arc<dyn Hold>> {
        self.context.holds.as_ref()
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({}/{} x {})", self.place, self.records.offset(0), self.len())
    }
}

/// An assignment of a partition: a new one begins each time a partition is assigned.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Epoch(pub u64);

/// The records of a chunk, wherever a driver keeps them.
///
/// # Panics
///
/// Each method but `len` panics when there is no record at `index`.
#[expect(clippy::len_without_is_empty, reason = "there is always a record")]
pub trait Records: Send + Sync + 'static {
    /// How many there are, at least one.
    fn len(&self) -> usize;
    /// The offset of a record; offsets rise, with holes.
    fn offset(&self, index: usize) -> i64;
    /// The timestamp of a record.
    fn timestamp(&self, index: usize) -> Timestamp;
    /// The key of a record.
    fn key(&self, index: usize) -> Option<&[u8]>;
    /// The value of a record.
    fn value(&self, index: usize) -> Option<&[u8]>;
    /// The headers of a record.
    fn headers(&self, index: usize) -> Headers;
    /// The value of the last header of this name that is not null. A driver that can read it without
    /// reading all of them does so, and reads nothing of records without headers.
    fn header(&self, index: usize, name: &str) -> Option<Bytes> {
        self.headers(index).find(name).cloned()
    }
    /// About how many bytes of memory the records take.
    fn bytes(&self) -> usize;
}

/// A record that holds its own bytes: what an in-process driver, or a test, makes chunks of.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedRecord {
    /// The offset in the partition.
    pub offset: i64,
    /// The timestamp.
    pub timestamp: Timestamp,
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Headers,
}

impl Records for Vec<OwnedRecord> {
    fn len(&self) -> usize {
        self.len()
    }

    fn offset(&self, index: usize) -> i64 {
        self[index].offset
    }

    fn timestamp(&self, index: usize) -> Timestamp {
        self[index].timestamp
    }

    fn key(&self, index: usize) -> Option<&[u8]> {
        self[index].key.as_deref()
    }

    fn value(&self, index: usize) -> Option<&[u8]> {
        self[index].value.as_deref()
    }

    fn headers(&self, index: usize) -> Headers {
        self[index].headers.clone()
    }

    fn header(&self, index: usize, name: &str) -> Option<Bytes> {
        self[index].headers.find(name).cloned()
    }

    fn bytes(&self) -> usize {
        let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        self.iter()
            .map(|record| size(&record.key) + size(&record.value) + size_of::<OwnedRecord>())
            .sum()
    }
}

/// What the runtime puts beside the records of a chunk.
#[derive(Clone, Default)]
pub struct Context {
    extensions: Option<Arc<Extensions>>,
    holds: Option<Arc<dyn Hold>>,
}

impl Context {
    /// These extensions, and this keeper of holds.
    pub fn new(extensions: Arc<Extensions>, holds: Arc<dyn Hold>) -> Self {
        Self { extensions: Some(extensions), holds: Some(holds) }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// Who says when a record is settled: when its call has ended and every hold of it was returned.
pub trait Hold: Send + Sync {
    /// One more reason why the record at `index` is not settled, given during this attempt.
    fn hold(&self, index: u32, attempt: u32) -> Option<Receipt>;

    /// Whether its partition has gone to others, so that nothing waits for the record any more.
    fn has_left(&self) -> bool;

    /// Waits until that is so.
    fn left(&self) -> BoxFuture<'static, ()>;
}

/// Values that extractors find beside a record, one of each type.
#[derive(Default)]
pub struct Extensions(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl Extensions {
    /// The same values with this one; one of its type before it is gone.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.0.insert(TypeId::of::<T>(), Box::new(value));
        self
    }

    /// The value of this type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>())?.downcast_ref()
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extensions({})", self.0.len())
    }
}
