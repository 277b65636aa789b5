use milena_core::transport::{ConsumerConfig, Reset, StartAt};
use std::time::Duration;

/// What a router says of its consumer group; each field's method on `Router` tells the rest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) start: Option<StartAt>,
    pub(crate) consumer: ConsumerConfig,
    pub(crate) commit_interval: Duration,
    pub(crate) commit_every: usize,
    pub(crate) drain_timeout: Duration,
    pub(crate) buffer: (usize, usize),
    pub(crate) max_in_flight: (usize, usize),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            start: None,
            consumer: ConsumerConfig::default(),
            commit_interval: Duration::from_secs(1),
            commit_every: 100_000,
            drain_timeout: Duration::from_secs(20),
            buffer: (1_000, 4 << 20),
            max_in_flight: (50_000, 32 << 20),
        }
    }
}

impl Options {
    /// Where a new group begins.
    pub(crate) fn start(&self) -> StartAt {
        self.start.clone().unwrap_or(match self.reset() {
            Reset::Earliest => StartAt::Earliest,
            Reset::Latest => StartAt::Latest,
            Reset::Error => StartAt::Committed,
        })
    }

    /// What happens when the offset to go on from is not there.
    pub(crate) fn reset(&self) -> Reset {
        self.consumer.reset().unwrap_or_default()
    }
}
