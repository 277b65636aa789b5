use super::{Breaker, Concurrency, DeadLetters, Retry, by_partition};
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
    pub(crate) breaker: Option<Breaker>,
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
            breaker: Some(Breaker::default()),
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

/// What becomes of a record when its last attempt failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failing {
    Stop,
    Skip,
    DeadLetter(DeadLetters),
}

impl Failing {
    pub(crate) fn dead_letters(&self) -> Option<&DeadLetters> {
        match self {
            Self::DeadLetter(letters) => Some(letters),
            Self::Stop | Self::Skip => None,
        }
    }
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
