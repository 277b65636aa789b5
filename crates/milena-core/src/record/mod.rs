//! Records as they are consumed, and the chunks they come in.

mod chunk;
mod headers;
pub mod names;
mod overlay;

pub use self::{
    chunk::{Chunk, Context, Epoch, Extensions, Hold, OwnedRecord, Records},
    headers::{Headers, IntoHeaderValue},
};

use self::overlay::Overlay;
use crate::transport::Receipt;
use bytes::Bytes;
use std::{fmt, sync::Arc};

/// A record as it was consumed.
///
/// It is a handle: cloning it copies nothing, and what it reads lies in the memory of the driver.
/// A clone that is kept keeps the whole [`Chunk`] of records it came with, so copy what must last.
/// As an extractor it gives a handler all there is.
///
/// ```
/// # use milena_core::Record;
/// async fn print(record: Record) {
///     println!("{}/{}/{}: {:?}", record.topic(), record.partition(), record.offset(), record.value());
/// }
/// ```
#[derive(Clone)]
pub struct Record {
    chunk: Arc<Chunk>,
    index: u32,
    attempt: u32,
    /// What layers changed of it; there is seldom anything.
    own: Option<Arc<Overlay>>,
}

impl Record {
    /// The record at `index` of a chunk, for its first attempt.
    ///
    /// # Panics
    ///
    /// If the chunk has no such record.
    pub fn new(chunk: Arc<Chunk>, index: u32) -> Self {
        assert!(
            (index as usize) < chunk.len(),
            "a chunk of {} records has no {index}",
            chunk.len()
        );
        Self { chunk, index, attempt: 1, own: None }
    }

    /// The topic it was read from.
    pub fn topic(&self) -> &str {
        self.chunk.topic()
    }

    /// The partition it was read from.
    pub fn partition(&self) -> i32 {
        self.chunk.partition()
    }

    /// Its offset in the partition.
    pub fn offset(&self) -> i64 {
        self.chunk.records().offset(self.index as usize)
    }

    /// Its timestamp.
    pub fn timestamp(&self) -> Timestamp {
        self.chunk.records().timestamp(self.index as usize)
    }

    /// Its key; `None` is null, which is not the same as empty.
    pub fn key(&self) -> Option<&[u8]> {
        if let Some(key) = self.own.as_ref().and_then(|own| own.key.as_ref()) {
            return key.as_deref();
        }
        self.chunk.records().key(self.index as usize)
    }

    /// Its value; `None` is null, a tombstone in a compacted topic.
    pub fn value(&self) -> Option<&[u8]> {
        if let Some(value) = self.own.as_ref().and_then(|own| own.value.as_ref()) {
            return value.as_deref();
        }
        self.chunk.records().value(self.index as usize)
    }

    /// Its headers, which are read anew at each call.
    pub fn headers(&self) -> Headers {
        match self.own_headers() {
            Some(headers) => headers.clone(),
            None => self.chunk.records().headers(self.index as usize),
        }
    }

    /// The value of the last header of this name that is not null: what [`Headers::get`] gives, without
    /// reading all the others.
    pub fn header(&self, name: &str) -> Option<Bytes> {
        match self.own_headers() {
            Some(headers) => headers.find(name).cloned(),
            None => self.chunk.records().header(self.index as usize, name),
        }
    }

    fn own_headers(&self) -> Option<&Headers> {
        self.own.as_ref()?.headers.as_ref()
    }

    /// The how manieth call of the handler with this record this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The chunk it came with.
    pub fn chunk(&self) -> &Arc<Chunk> {
        &self.chunk
    }

    /// Its place in the chunk.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The same handle for another record of the chunk, as it was read.
    ///
    /// # Panics
    ///
    /// If the chunk has no such record.
    pub fn move_to(&mut self, index: u32) {
        assert!(
            (index as usize) < self.chunk.len(),
            "a chunk of {} records has no {index}",
            self.chunk.len()
        );
        self.index = index;
        self.own = None;
    }

    /// The same record, for this attempt.
    #[must_use]
    pub fn with_attempt(self, attempt: u32) -> Self {
        Self { attempt, ..self }
    }

    /// What a layer put beside the record, or the runtime beside the records of this router, such as a
    /// [`Publisher`](crate::Publisher).
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let own = self.own.as_ref().and_then(|own| own.extension());
        own.or_else(|| self.chunk.extension())
    }

    /// A reason of its own why this record is not settled; `None` outside of a running service.
    pub fn hold(&self) -> Option<Receipt> {
        self.chunk.holds()?.hold(self.index, self.attempt)
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("key", &self.key().map(Bytes::copy_from_slice))
            .field("value", &self.value().map(Bytes::copy_from_slice))
            .finish_non_exhaustive()
    }
}

/// When a record was made, or appended, in milliseconds since 1970.
///
/// It is an extractor, and in a reply's tuple it gives the reply this timestamp.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Timestamp {
    /// The producer's time.
    Created(i64),
    /// The broker's time at the append (`message.timestamp.type=LogAppendTime`).
    Appended(i64),
    /// The record has none.
    None,
}

impl Timestamp {
    /// The milliseconds since 1970, whoever took them.
    pub fn millis(self) -> Option<i64> {
        match self {
            Self::Created(millis) | Self::Appended(millis) => Some(millis),
            Self::None => None,
        }
    }
}

/// Where a record stands.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition of it.
    pub partition: i32,
}

impl TopicPartition {
    /// This partition of this topic.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests;
