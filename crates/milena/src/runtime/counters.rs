use super::metrics;
use crate::route::Failure;
use milena_core::error::{Error, ErrorKind};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// What happened in a group since it was started, but for what is counted for each topic.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Answers that were refused, by the broker or before they came to it.
    pub(crate) answers_failed: Counter,
    /// Records dropped, because their assignment had ended before they were read.
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
    pub(crate) commits: Counter,
    pub(crate) refused_commits: Counter,
    /// Transactions that were committed, and those of which nothing was published.
    pub(crate) transactions: Counter,
    pub(crate) aborted_transactions: Counter,
    /// Transactional producers that took the place of one whose outcome was unknown.
    pub(crate) sessions: Counter,
    pub(crate) assignments: Counter,
    pub(crate) revocations: Counter,
    pub(crate) losses: Counter,
}

/// What happened to the records of a topic in a group, since it was started.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(super) topic: Arc<str>,
    /// Of its group and of it.
    pub(super) labels: metrics::Labels,
    /// Read, and handed to lanes.
    pub(crate) received: Counter,
    pub(crate) received_bytes: Counter,
    /// Tried again.
    pub(crate) retried: Counter,
    /// Done, as a handler that returned says.
    pub(crate) done: Counter,
    /// Left out, because the handler said so.
    pub(crate) skipped: Counter,
    /// Failed for good, and left out, because the policy said so.
    pub(crate) failed: Counter,
    /// Written to a dead letter topic, and confirmed.
    pub(crate) dead_lettered: Counter,
    /// Before which the service stopped.
    pub(crate) stopped: Counter,
    /// Not done when their partition was given up.
    pub(crate) dropped: Counter,
    pub(crate) failures: Failures,
    seconds: metrics::Series,
}

/// The ways in which calls fail.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// An extractor refused the record.
    pub(crate) refused: Counter,
    /// The handler or a layer returned an error.
    pub(crate) error: Counter,
    pub(crate) timeout: Counter,
    pub(crate) panic: Counter,
    /// A reply or an `Ack` failed behind the end of the call.
    pub(crate) late: Counter,
}

impl Failures {
    /// Those like this one.
    pub(crate) fn of(&self, failure: &Failure) -> &Counter {
        match failure {
            Failure::Refused(_) => &self.refused,
            Failure::Panicked(_) => &self.panic,
            Failure::Failed(error) => match error.downcast_ref::<Error>() {
                Some(error) if error.kind() == ErrorKind::TimedOut => &self.timeout,
                _ => &self.error,
            },
        }
    }
}

impl Tally {
    fn new(topic: &Arc<str>, group: &metrics::Labels) -> Self {
        let labels = group.and("topic", topic.clone());
        Self {
            topic: topic.clone(),
            received: Counter::default(),
            received_bytes: Counter::default(),
            retried: Counter::default(),
            done: Counter::default(),
            skipped: Counter::default(),
            failed: Counter::default(),
            dead_lettered: Counter::default(),
            stopped: Counter::default(),
            dropped: Counter::default(),
            failures: Failures::default(),
            seconds: metrics::HANDLER_SECONDS.of(&labels),
            labels,
        }
    }

    /// So many records were read.
    pub(crate) fn received(&self, records: usize, bytes: usize) {
        self.received.add(records);
        self.received_bytes.add(bytes);
    }

    /// So many calls took this time together.
    pub(crate) fn took(&self, time: Duration, calls: u32) {
        if calls > 0 {
            self.seconds.record(time.as_secs_f64() / f64::from(calls), calls as usize);
        }
    }
}

/// The tallies of a group, one a topic.
#[derive(Debug, Default)]
pub(super) struct Tallies(HashMap<Arc<str>, Arc<Tally>>);

impl Tallies {
    /// The tally of this topic, in a group of these labels.
    pub(super) fn of(&mut self, topic: &Arc<str>, group: &metrics::Labels) -> Arc<Tally> {
        let new = || Arc::new(Tally::new(topic, group));
        self.0.entry(topic.clone()).or_insert_with(new).clone()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Tally>> {
        self.0.values()
    }

    /// The sum over all topics.
    pub(super) fn sum(&self, of: impl Fn(&Tally) -> &Counter) -> u64 {
        self.0.values().map(|tally| of(tally).get()).sum()
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    count: AtomicU64,
    /// What was published of it, and one more; 0 before the first time.
    told: AtomicU64,
}

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.count.fetch_add(count as u64, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// By how much it has grown since this was asked last; `None` when it has not.
    pub(crate) fn news(&self) -> Option<u64> {
        let count = self.get();
        match self.told.swap(count + 1, Relaxed) {
            0 => Some(count),
            told => Some(count + 1 - told).filter(|new| *new > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_told_once_at_zero_and_then_when_it_has_grown() {
        let counter = Counter::default();

        assert_eq!(counter.news(), Some(0));
        assert_eq!(counter.news(), None);
        counter.add(3);
        assert_eq!(counter.news(), Some(3));
        assert_eq!(counter.news(), None);
    }
}
