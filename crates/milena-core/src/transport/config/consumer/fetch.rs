//! Options of what is fetched, and how.

use super::ConsumerConfig;
use crate::transport::config::{IsolationLevel, options::EXCLUDE_INTERNAL_TOPICS};
use std::time::Duration;

pub(in super::super) const MAX_POLL_RECORDS: &str = "a driver hands over what it has, and nothing waits for a poll; the size of a batch is \
     `batch(..).max_records`, and `Router::buffer` bounds what waits for a handler";

impl ConsumerConfig {
    /// How long a broker may wait for [`fetch_min_bytes`](Self::fetch_min_bytes) to come together
    /// (`fetch.wait.max.ms`), up to 5 minutes; by default 500 ms.
    #[must_use]
    #[doc(alias = "fetch_max_wait_ms")]
    pub fn fetch_max_wait(mut self, time: Duration) -> Self {
        self.options.set_millis("fetch.wait.max.ms", time);
        self
    }

    /// How much a broker waits for before it answers (`fetch.min.bytes`), up to 100 MB; by default 1 byte,
    /// so that a record is never kept waiting for others.
    #[must_use]
    pub fn fetch_min_bytes(mut self, bytes: usize) -> Self {
        self.options.set("fetch.min.bytes", bytes.to_string());
        self
    }

    /// How much an answer of a broker has at most (`fetch.max.bytes`), unless a single batch is larger.
    /// It is at least `message.max.bytes`, which is 1 MB for a consumer.
    ///
    /// The documents say 50 MiB. By default it is 8 MiB, as much as a partition has waiting in the client
    /// (`queued.max.messages.kbytes`): more would only be memory.
    #[must_use]
    pub fn fetch_max_bytes(mut self, bytes: usize) -> Self {
        self.options.set("fetch.max.bytes", bytes.to_string());
        self
    }

    /// How much of one partition an answer has at most (`max.partition.fetch.bytes`), unless a single
    /// batch is larger; up to 1 GB, and by default 1 MiB.
    #[must_use]
    pub fn max_partition_fetch_bytes(mut self, bytes: usize) -> Self {
        self.options.set("max.partition.fetch.bytes", bytes.to_string());
        self
    }

    /// Refused: the size of a batch is `batch(..).max_records`. librdkafka's option of this name is for
    /// share consumers.
    #[must_use]
    pub fn max_poll_records(mut self, _records: usize) -> Self {
        self.options.refuse("max_poll_records", MAX_POLL_RECORDS);
        self
    }

    /// Refused: nothing waits at intervals. The driver is woken when there is something to do.
    #[must_use]
    pub fn consumer_timeout(mut self, _time: Duration) -> Self {
        let why = "nothing looks for records or rebalances at intervals: the driver is woken when there \
                   are some; leave it out, and see `fetch_max_wait` for how long a broker waits";
        self.options.refuse("consumer_timeout", why);
        self
    }

    /// Whether each record's checksum is compared (`check.crcs`); by default it is, at some cost for the
    /// processor, so that what was damaged on its way is not taken for a record.
    #[must_use]
    pub fn check_crcs(mut self, check: bool) -> Self {
        self.options.set("check.crcs", check.to_string());
        self
    }

    /// Which records of transactions are read (`isolation.level`); by default
    /// [`IsolationLevel::ReadCommitted`].
    ///
    /// The documents say uncommitted. What a transaction took back was never written as far as its
    /// producer is concerned, and a service that handles it does what nobody asked for.
    #[must_use]
    pub fn isolation_level(mut self, level: IsolationLevel) -> Self {
        self.options.set("isolation.level", level.name());
        self
    }

    /// Whether a pattern of topics leaves out those that Kafka keeps for itself, such as
    /// `__consumer_offsets`; by default it does.
    #[must_use]
    pub fn exclude_internal_topics(mut self, exclude: bool) -> Self {
        self.options.set(EXCLUDE_INTERNAL_TOPICS, exclude.to_string());
        self
    }
}
