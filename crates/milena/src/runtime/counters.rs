use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// What happened to the records of a group, since it was started.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Read, and handed to a lane.
    pub(crate) received: Counter,
    /// Tried again.
    pub(crate) retried: Counter,
    /// Left out, because the handler or the policy said so.
    pub(crate) skipped: Counter,
    /// Written to a dead letter topic, and confirmed.
    pub(crate) dead_lettered: Counter,
    /// Dropped, because their assignment had ended before they were read.
    pub(crate) stale: Counter,
    /// Calls that ended after their partition had gone to another member, whose results were dropped.
    pub(crate) late: Counter,
    /// Calls of rebalance listeners that failed or took too long.
    pub(crate) listener_failures: Counter,
    /// Partitions whose position was not there any more.
    pub(crate) resets: Counter,
    /// Calls that had not ended when their partition went to another member.
    pub(crate) overlaps: Counter,
    /// What the watchdog told.
    pub(crate) barks: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
