use super::{Options, Router, Watchdog};
use crate::listener::RebalanceListener;
use milena_core::transport::{ConsumerConfig, StartAt};
use std::{sync::Arc, time::Duration};

/// How the consumer group of the router is read. A router nested in it has a group of its own, or shares
/// this one where it has the same name.
impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Has `listener` hear when partitions come and go; see [`RebalanceListener`]. Of several each hears.
    pub fn on_rebalance(mut self, listener: impl RebalanceListener) -> Self {
        self.groups[0].options.listeners.push(Arc::new(listener));
        self
    }

    /// Has the watchdog tell of partitions that make no progress at these limits; see [`Watchdog`].
    pub fn watchdog(self, watchdog: Watchdog) -> Self {
        self.with_options(|options| options.watchdog = Some(watchdog))
    }

    /// Has no watchdog.
    pub fn without_watchdog(self) -> Self {
        self.with_options(|options| options.watchdog = None)
    }

    /// Gives each call of a [`RebalanceListener`] this long; the default is 5 s. On a revoke, a quarter of
    /// `max.poll.interval.ms` is the upper bound.
    pub fn listener_timeout(self, timeout: Duration) -> Self {
        self.with_options(|options| options.listener_timeout = timeout)
    }

    /// Begins at `start` where the group has committed nothing. The default is what
    /// [`auto_offset_reset`](ConsumerConfig::auto_offset_reset) says, and else the earliest record,
    /// because what was written before the first start would otherwise never be read.
    pub fn start_at(self, start: StartAt) -> Self {
        self.with_options(|options| options.start = Some(start))
    }

    /// Configures the consumer of the group, over what was set before and over what the transport has.
    ///
    /// # Panics
    ///
    /// If an option cannot be used, on its own or together with the others.
    #[track_caller]
    #[expect(
        clippy::panic,
        clippy::needless_pass_by_value,
        reason = "said at assembly, as `key` is"
    )]
    pub fn consumer(self, config: ConsumerConfig) -> Self {
        let config = self.groups[0].options.consumer.clone().and(&config);
        if let Err(error) = config.validate() {
            panic!("{error} (group `{}`)", self.groups[0].name());
        }
        self.with_options(|options| options.consumer = config)
    }

    /// Commits what is done at this interval; the default is 1 s, or 100 ms where results are published
    /// [exactly once](Self::exactly_once).
    pub fn commit_interval(self, interval: Duration) -> Self {
        self.with_options(|options| options.commit_interval = Some(interval))
    }

    /// Commits also as soon as this many records are done; the default is 100,000.
    pub fn commit_every(self, records: usize) -> Self {
        self.with_options(|options| options.commit_every = records.max(1))
    }

    /// Waits this long for calls that run, when partitions are revoked or the service shuts down; the
    /// default is 20 s. On a revoke, half of `max.poll.interval.ms` is the upper bound.
    pub fn drain_timeout(self, timeout: Duration) -> Self {
        self.with_options(|options| options.drain_timeout = timeout)
    }

    /// Holds a partition back while so many of its records, or bytes, wait for their handler; the
    /// default is 1,000 records or 4 MiB. The other partitions run on.
    pub fn buffer(self, records: usize, bytes: usize) -> Self {
        self.with_options(|options| options.buffer = (records.max(1), bytes.max(1)))
    }

    /// Reads at most so many records, or bytes of them, behind a record that is not done; the default is
    /// 20,000 records or 16 MiB. At the bound its partition is held back, which is logged with the offset
    /// of the record; the other partitions run on.
    pub fn max_ahead(self, records: usize, bytes: usize) -> Self {
        self.with_options(|options| options.max_ahead = (records.max(1), bytes.max(1)))
    }

    /// Has at most so many replies, or bytes of them, on their way to the broker at once; the default
    /// is 50,000 replies or 32 MiB. At the bound, handlers wait.
    pub fn max_in_flight(self, replies: usize, bytes: usize) -> Self {
        self.with_options(|options| options.max_in_flight = (replies.max(1), bytes.max(1)))
    }

    fn with_options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.groups[0].options);
        self
    }
}
