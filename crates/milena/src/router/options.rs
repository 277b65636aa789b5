use super::{TransactionalIds, Watchdog};
use crate::listener::Listen;
use milena_core::transport::{ConsumerConfig, Reset, StartAt};
use std::{fmt, sync::Arc, time::Duration};

/// How often it is committed, if nothing was said.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// How often results are published then that are to be so exactly once.
const TRANSACTION_INTERVAL: Duration = Duration::from_millis(100);

/// What a router says of its consumer group; each field's method on `Router` tells the rest.
#[derive(Clone, PartialEq)]
pub(crate) struct Options {
    pub(crate) start: Option<StartAt>,
    pub(crate) consumer: ConsumerConfig,
    pub(crate) commit_interval: Option<Duration>,
    pub(crate) commit_every: usize,
    pub(crate) drain_timeout: Duration,
    pub(crate) listener_timeout: Duration,
    pub(crate) buffer: (usize, usize),
    pub(crate) max_ahead: (usize, usize),
    pub(crate) max_in_flight: (usize, usize),
    pub(crate) watchdog: Option<Watchdog>,
    pub(crate) listeners: Listeners,
    pub(crate) exactly_once: Option<TransactionalIds>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            start: None,
            consumer: ConsumerConfig::default(),
            commit_interval: None,
            commit_every: 100_000,
            drain_timeout: Duration::from_secs(20),
            listener_timeout: Duration::from_secs(5),
            buffer: (1_000, 4 << 20),
            max_ahead: (20_000, 16 << 20),
            max_in_flight: (50_000, 32 << 20),
            watchdog: Some(Watchdog::default()),
            listeners: Listeners::default(),
            exactly_once: None,
        }
    }
}

/// The listeners of a router, which are the same only when they are the very same.
#[derive(Clone, Default)]
pub(crate) struct Listeners(Vec<Arc<dyn Listen>>);

impl Listeners {
    pub(super) fn push(&mut self, listener: Arc<dyn Listen>) {
        self.0.push(listener);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn Listen>> {
        self.0.iter()
    }
}

impl PartialEq for Listeners {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} listeners", self.0.len())
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

    /// How often what is done is committed.
    pub(crate) fn commit_interval(&self) -> Duration {
        let default = match self.exactly_once {
            Some(_) => TRANSACTION_INTERVAL,
            None => COMMIT_INTERVAL,
        };
        self.commit_interval.unwrap_or(default)
    }

    pub(super) fn says_when_to_commit(&self) -> bool {
        self.commit_interval.is_some() || self.commit_every != Self::default().commit_every
    }

    /// What happens when the offset to go on from is not there.
    pub(crate) fn reset(&self) -> Reset {
        self.consumer.reset().unwrap_or_default()
    }
}
