use crate::recording::{published_beside, sources};
use bytes::Bytes;
use milena_core::record::{Headers, Record, TopicPartition};
use std::{fmt, sync::Arc, time::Duration};

/// Where a record stands: topic, partition, offset.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct At {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl At {
    /// This offset of this partition.
    ///
    /// ```
    /// # use milena_check::At;
    /// assert_eq!(At::new("orders", 0, 7).to_string(), "orders/0/7");
    /// ```
    pub fn new(topic: impl Into<Arc<str>>, partition: i32, offset: i64) -> Self {
        Self { topic: topic.into(), partition, offset }
    }

    pub(crate) fn of(record: &Record) -> Self {
        let place = record.chunk().place();
        Self::new(place.topic.clone(), place.partition, record.offset())
    }

    pub(crate) fn is_of(&self, place: &TopicPartition) -> bool {
        self.partition == place.partition && self.topic == place.topic
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (rest, offset) = text.rsplit_once('/')?;
        let (topic, partition) = rest.rsplit_once('/')?;
        Some(Self::new(topic, partition.parse().ok()?, offset.parse().ok()?))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When, since the history began.
    pub time: Duration,
    /// The instance of the service that it happened to; nothing if it happened at the broker.
    pub instance: Arc<str>,
    /// What it was.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum What {
    /// There is this record to work on.
    Input(Arc<Copied>),
    /// This record was published, and who reads what is committed sees it.
    Seen(Arc<Copied>),
    /// Records of a partition were read, from the first of these offsets to the second.
    Read(TopicPartition, u64, i64, i64),
    /// A handler is called with a record, in a call of this number, under this epoch, for the how manieth time.
    Began(u64, At, u64, u32),
    /// The call ended.
    Ended(u64, At, u64, u32, How),
    /// These offsets are to be committed, plainly or in a transaction of this id.
    CommitSent(Vec<(TopicPartition, i64)>, Option<Arc<str>>),
    /// They are committed.
    Committed(Vec<(TopicPartition, i64)>, Option<Arc<str>>),
    /// They are not, or it is not known.
    NotCommitted(Vec<(TopicPartition, i64)>, String),
    /// The broker was asked, and these offsets are committed.
    Found(Vec<(TopicPartition, i64)>),
    /// A partition became this instance's, under this epoch.
    Assigned(TopicPartition, u64),
    /// The group wants it back.
    Revoked(TopicPartition),
    /// It was given back.
    Released(TopicPartition),
    /// It is another's.
    Lost(TopicPartition),
    /// Reading goes on at another offset, under a new epoch.
    Moved(TopicPartition, u64, i64),
    /// A transaction of this id begins.
    Opened(Arc<str>),
    /// A record of this number goes to a topic; what it came of, whether as a dead letter, and in whose transaction.
    Sent(u64, Arc<str>, Vec<At>, bool, Option<Arc<str>>),
    /// The broker has it.
    Delivered(u64, At),
    /// The broker does not have it.
    Refused(u64, String),
    /// The instance was asked to stop.
    Stopping,
    /// It has ended, for this reason if it failed.
    Stopped(Result<(), String>),
    /// It was killed.
    Killed,
    /// What somebody did who wanted to see what happens.
    Fault(String),
}

/// How a call ended for a record.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum How {
    /// It is done, with so many records to publish.
    Done(usize),
    /// It is done without a result.
    Skipped,
    /// The handler made it a dead letter.
    DeadLetter,
    /// It is to be called again after this time.
    RetryAfter(Duration),
    /// The service is to stop before it.
    Stop,
    /// The call failed.
    Failed(String),
    /// An extractor took it out of its batch.
    TakenOut,
    /// The call was dropped.
    Dropped,
}

impl How {
    /// Whether there is no other call, if `most` is the number of attempts there may be.
    pub(crate) fn is_last(&self, attempt: u32, most: u32) -> bool {
        match self {
            Self::Done(_) | Self::Skipped | Self::DeadLetter | Self::TakenOut => true,
            Self::Failed(_) | Self::Dropped => attempt >= most,
            Self::RetryAfter(_) | Self::Stop => false,
        }
    }
}

/// A record, as it stands at the broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Copied {
    pub(crate) at: At,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Headers,
}

impl Copied {
    /// Whether it came of this record.
    fn is_of(&self, at: &At) -> bool {
        let beside = published_beside(&self.headers);
        beside.is_some_and(|(of, _)| of == *at) || sources(&self.headers).0.contains(at)
    }

    pub(crate) fn of(record: &Record) -> Self {
        let copy = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
        Self {
            at: At::of(record),
            key: copy(record.key()),
            value: copy(record.value()),
            headers: record.headers(),
        }
    }
}

impl Entry {
    /// Whether it is part of the life of this record.
    pub(crate) fn is_of(&self, at: &At) -> bool {
        let any = |offsets: &[(TopicPartition, i64)]| offsets.iter().any(|(it, _)| at.is_of(it));
        match &self.what {
            What::Input(record) => record.at == *at,
            What::Seen(record) => record.is_of(at),
            What::Began(_, it, ..) | What::Ended(_, it, ..) => it == at,
            What::Sent(_, _, of, ..) => of.contains(at),
            What::Read(place, _, from, to) => at.is_of(place) && (*from..=*to).contains(&at.offset),
            What::CommitSent(offsets, _)
            | What::Committed(offsets, _)
            | What::NotCommitted(offsets, _)
            | What::Found(offsets) => any(offsets),
            What::Assigned(place, _)
            | What::Revoked(place)
            | What::Released(place)
            | What::Lost(place)
            | What::Moved(place, ..) => at.is_of(place),
            What::Stopping | What::Stopped(_) | What::Killed | What::Fault(_) => true,
            What::Opened(_) | What::Delivered(..) | What::Refused(..) => false,
        }
    }
}
