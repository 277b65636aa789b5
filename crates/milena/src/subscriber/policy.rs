use super::{DeadLetters, Retry};
use std::time::Duration;

/// How the records of a subscription are delivered, and what becomes of those that fail.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) ack: AckPolicy,
    pub(crate) concurrency: Concurrency,
    pub(crate) retry: Retry,
    /// How long a call may take.
    pub(crate) timeout: Option<Duration>,
    pub(crate) failing: Failing,
    pub(crate) batching: Batching,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            ack: AckPolicy::default(),
            concurrency: by_partition(),
            retry: Retry::default(),
            timeout: None,
            failing: Failing::Stop,
            batching: Batching::default(),
        }
    }
}

/// When a record counts as done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum AckPolicy {
    /// When its handler succeeded and its replies are at the broker, or it was dead-lettered or
    /// skipped: at least once.
    #[default]
    OnSuccess,
    /// When it was received, before its handler is called: at most once. What is in work when the
    /// service dies is lost.
    OnReceive,
}

/// How many records are in work at once, and in which order; [`by_partition`] makes one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Concurrency(Lanes);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lanes {
    Partition,
}

/// One record of a partition at a time, in order; the partitions side by side. The default.
pub fn by_partition() -> Concurrency {
    Concurrency(Lanes::Partition)
}

/// What becomes of a record when its last attempt failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failing {
    Stop,
    Skip,
    DeadLetter(DeadLetters),
}

/// What makes a batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batching {
    pub(crate) max_records: usize,
    pub(crate) max_wait: Duration,
    pub(crate) across_partitions: bool,
}

impl Default for Batching {
    fn default() -> Self {
        Self { max_records: 100, max_wait: Duration::from_millis(100), across_partitions: false }
    }
}
