use milena_core::transport::StartAt;
use std::time::Duration;

/// What a router says of its consumer group; each field's method on `Router` tells the rest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) start: StartAt,
    pub(crate) commit_interval: Duration,
    pub(crate) commit_every: usize,
    pub(crate) drain_timeout: Duration,
    pub(crate) buffer: (usize, usize),
    pub(crate) max_ahead: (usize, usize),
    pub(crate) max_in_flight: (usize, usize),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            start: StartAt::Earliest,
            commit_interval: Duration::from_secs(1),
            commit_every: 100_000,
            drain_timeout: Duration::from_secs(20),
            buffer: (1_000, 4 << 20),
            max_ahead: (20_000, 16 << 20),
            max_in_flight: (50_000, 32 << 20),
        }
    }
}
