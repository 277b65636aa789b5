use super::{Missing, moves::Why};
use crate::native::Message;
use milena_core::record::{Epoch, TopicPartition};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::time::Instant;

/// A partition that is read.
pub(super) struct Source {
    pub(super) place: TopicPartition,
    pub(super) epoch: Epoch,
    pub(super) flow: Flow,
    /// Nothing before this offset is delivered any more.
    pub(super) next: i64,
    /// Up to here librdkafka's position says nothing: an error moved it.
    pub(super) doubtful: i64,
    /// When it began, or moved.
    pub(super) since: Instant,
    /// When it was assigned, or moved.
    pub(super) chosen: Instant,
    /// Where it began, until it moved: most often what the group had committed.
    pub(super) began: i64,
    pub(super) parked: bool,
    /// Whether it was begun again, not waiting for its end.
    pub(super) again: bool,
    /// Whether a record came through the queue, so that it is surely forwarded.
    pub(super) proven: bool,
    /// Whether librdkafka's position is of this epoch, and not of one that it has not stopped yet.
    pub(super) positioned: bool,
    /// Its list in the batch of this number.
    pub(super) slot: (u64, usize),
}

/// What librdkafka does with a partition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flow {
    /// Nothing yet: where it begins is being asked.
    Waiting,
    /// It reads on at `next`.
    Running,
    /// It is to go on at `next`, and has not been heard to.
    Seeking,
    /// It has given up: the offset is not there. Where it goes on is being asked.
    Stopped,
    /// It has given up, and is to begin again at `next`.
    Restarting,
}

/// An error that librdkafka read in place of a record.
pub(in crate::consumer) struct Refusal {
    pub(in crate::consumer) place: TopicPartition,
    pub(in crate::consumer) offset: i64,
    pub(in crate::consumer) code: Code,
    pub(in crate::consumer) text: String,
}

impl Source {
    pub(super) fn new(place: TopicPartition, epoch: Epoch, now: Instant) -> Self {
        Self {
            place,
            epoch,
            flow: Flow::Waiting,
            next: 0,
            doubtful: 0,
            since: now,
            chosen: now,
            began: 0,
            parked: false,
            again: false,
            proven: false,
            positioned: false,
            slot: (0, 0),
        }
    }

    /// It has stopped for this reason.
    pub(super) fn missing(&self, why: Why) -> Missing {
        Missing { place: self.place.clone(), epoch: self.epoch, from: self.next, why }
    }

    /// Goes on at another offset. Nothing that was known of it holds any more.
    pub(super) fn go_to(&mut self, offset: i64, now: Instant) {
        self.next = offset;
        self.doubtful = 0;
        self.since = now;
        self.again = false;
        self.proven = false;
        self.positioned = false;
    }
}

impl Refusal {
    pub(super) fn new(message: &Message, code: Code) -> Self {
        Self {
            place: TopicPartition::new(message.topic(), message.partition()),
            offset: message.offset(),
            code,
            text: String::from_utf8_lossy(message.value().unwrap_or_default()).into_owned(),
        }
    }
}
