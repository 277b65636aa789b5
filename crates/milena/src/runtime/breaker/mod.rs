mod failures;

use self::failures::{Failures, TooMany};
use super::{
    counters::Counter,
    metrics::{Labels, table},
};
use crate::{
    control::{Concern, Incident, News},
    subscriber::Breaker,
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// The circuit breaker of a subscription. While it is closed, a success costs the look at one flag.
///
/// A record is known by its place among all that the subscription was given.
#[derive(Debug)]
pub(crate) struct BreakerState {
    breaker: Option<Breaker>,
    /// Which subscription it is, for the log.
    group: Arc<str>,
    topics: String,
    labels: Labels,
    news: News,
    open: AtomicBool,
    places: AtomicU64,
    trips: Counter,
    inner: Mutex<Inner>,
    closed: Notify,
}

#[derive(Debug)]
struct Inner {
    failures: Failures,
    /// When the next call is let through, while it is open.
    next: Instant,
    /// The record of the call that was let through.
    probe: Option<u64>,
}

/// What a failure does to the breaker.
enum Change {
    None,
    Opened(TooMany),
    StaysOpen,
}

impl BreakerState {
    pub(crate) fn new(
        breaker: Option<Breaker>,
        (group, topics): (Arc<str>, String),
        labels: &Labels,
        news: News,
    ) -> Self {
        let inner = Inner { failures: Failures::default(), next: Instant::now(), probe: None };
        Self {
            breaker,
            group,
            labels: labels.and("topics", topics.clone()),
            topics,
            news,
            open: AtomicBool::new(false),
            places: AtomicU64::new(0),
            trips: Counter::default(),
            inner: Mutex::new(inner),
            closed: Notify::new(),
        }
    }

    /// Places for so many records, of which this is the first.
    pub(crate) fn places(&self, records: usize) -> u64 {
        self.places.fetch_add(records as u64, Relaxed)
    }

    /// Whether calls are held back.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Relaxed)
    }

    /// What there is to worry about, while calls are held back.
    pub(crate) fn concern(&self) -> Option<Concern> {
        let topics = &self.topics;
        let text = || format!("too many records of {topics} fail, so no call with others begins");
        self.is_open().then(|| Concern::new(None, text()))
    }

    /// How often it opened.
    pub(crate) fn trips(&self) -> u64 {
        self.trips.get()
    }

    /// Publishes how it stands, if there is one.
    pub(crate) fn publish(&self) {
        if self.breaker.is_some() {
            table::BREAKER_OPEN.set(f64::from(u8::from(self.is_open())), &self.labels);
            table::BREAKER_OPENED.tell(&self.trips, &self.labels);
        }
    }

    /// Whether the call with this record may begin. If it is the one that is let through, it is from now on.
    pub(crate) fn allows(&self, place: u64) -> bool {
        if !self.is_open() {
            return true;
        }
        let mut inner = self.lock();
        // It may have been closed meanwhile.
        if !self.is_open() || inner.probe == Some(place) {
            return true;
        }
        let now = Instant::now();
        if now < inner.next {
            return false;
        }
        // If this call never ends, or its partition does, another one is let through after the same time.
        (inner.probe, inner.next) = (Some(place), now + self.cool_down());
        true
    }

    /// Whether a call might be let through now.
    pub(crate) fn may_allow(&self) -> bool {
        !self.is_open() || Instant::now() >= self.lock().next
    }

    /// Waits until that is so.
    pub(crate) async fn allowed(&self) {
        loop {
            let closed = self.closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if self.may_allow() {
                return;
            }
            let next = self.lock().next;
            tokio::select! {
                biased;
                () = closed => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// The call with this record succeeded.
    pub(crate) fn succeeded(&self, place: u64) {
        if !self.is_open() {
            return;
        }
        let mut inner = self.lock();
        if inner.probe != Some(place) {
            return;
        }
        inner.probe = None;
        inner.failures.clear();
        self.open.store(false, SeqCst);
        drop(inner);
        self.closed.notify_waiters();
        let (group, topics) = (&self.group, &self.topics);
        self.news.tell(Incident::BreakerClosed { topics: topics.clone() });
        tracing::info!(%group, topics, "a call succeeded, so the circuit breaker is closed and calls go on");
    }

    /// This record failed for good, and is not in the way of the others.
    pub(crate) fn failed(&self, place: u64, record: impl FnOnce() -> String, error: &str) {
        let Some(breaker) = &self.breaker else { return };
        let change = self.count(place, breaker);
        let (group, topics, cool_down) = (&self.group, &self.topics, breaker.cool_down);
        match change {
            Change::None => {}
            Change::Opened(too_many) => {
                let (record, trips) = (record(), self.trips());
                let why = format!("{too_many} failed, the last one with: {error}");
                self.news.tell(Incident::BreakerOpened { topics: topics.clone(), why });
                tracing::error!(
                    %group, topics, %too_many, record, error, ?cool_down, trips,
                    "too many records fail, so the circuit breaker is open: no call begins; after the \
                     cool-down one is let through, and if it succeeds the others go on"
                );
            }
            Change::StaysOpen => {
                let record = record();
                tracing::warn!(%group, topics, record, error, ?cool_down, "the call that was let through failed, so the circuit breaker stays open");
            }
        }
    }

    fn count(&self, place: u64, breaker: &Breaker) -> Change {
        let mut inner = self.lock();
        if !self.is_open() {
            let Some(too_many) = inner.failures.add(place, breaker) else { return Change::None };
            (inner.probe, inner.next) = (None, Instant::now() + breaker.cool_down);
            self.open.store(true, SeqCst);
            self.trips.add(1);
            return Change::Opened(too_many);
        }
        if inner.probe != Some(place) {
            return Change::None;
        }
        (inner.probe, inner.next) = (None, Instant::now() + breaker.cool_down);
        Change::StaysOpen
    }

    fn cool_down(&self) -> Duration {
        self.breaker.as_ref().map_or(Duration::ZERO, |breaker| breaker.cool_down)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InARow(failed) => write!(f, "{failed} in a row"),
            Self::OfLast(failed, records) => write!(f, "{failed} of {records}"),
        }
    }
}
