use crate::{
    Attempts, Broken, Entry, Recorded, Rules, What, entry::Copied, facts::Facts, invariants,
};
use milena_core::{error::Error, record::Record, transport::Transport};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::time::Instant;

/// What befell the records of a consumer group, in order.
///
/// It is a handle: clones of it are the same history.
#[derive(Clone)]
pub struct History(Arc<Inner>);

struct Inner {
    began: Instant,
    entries: Mutex<Vec<Entry>>,
    numbers: AtomicU64,
}

impl History {
    /// One in which nothing happened. Its time is that of tokio, also when that is paused.
    #[expect(clippy::new_without_default, reason = "it begins now")]
    pub fn new() -> Self {
        let (entries, numbers) = (Mutex::default(), AtomicU64::default());
        Self(Arc::new(Inner { began: Instant::now(), entries, numbers }))
    }

    /// The transport, for this instance of the service, with what it does recorded.
    pub fn transport<T: Transport>(
        &self,
        instance: impl Into<Arc<str>>,
        transport: T,
    ) -> Recorded<T> {
        Recorded::new(transport, self.clone(), instance.into())
    }

    /// A layer that records the calls of this instance. It belongs inside of all others, by `Router::layer_inner`.
    pub fn attempts(&self, instance: impl Into<Arc<str>>) -> Attempts {
        Attempts::new(self.clone(), instance.into())
    }

    /// There is this record for the group to work on.
    pub fn input(&self, record: &Record) {
        self.note("", What::Input(Arc::new(Copied::of(record))));
    }

    /// There is this record that came of the work: a reply, or a dead letter. It is one that a reader of committed
    /// records sees.
    pub fn seen(&self, record: &Record) {
        self.note("", What::Seen(Arc::new(Copied::of(record))));
    }

    /// The instance was asked to stop.
    pub fn stopping(&self, instance: &str) {
        self.note(instance, What::Stopping);
    }

    /// The instance has ended.
    pub fn ended(&self, instance: &str, result: &Result<(), Error>) {
        let result = result.as_ref().copied().map_err(ToString::to_string);
        self.note(instance, What::Stopped(result));
    }

    /// The instance was killed, and does nothing more.
    pub fn killed(&self, instance: &str) {
        self.note(instance, What::Killed);
    }

    /// Something else happened to this instance.
    ///
    /// ```
    /// # use milena_check::{History, What};
    /// let history = History::new();
    /// history.note("billing-1", What::Fault("its commits are refused".into()));
    /// assert!(history.to_string().contains("billing-1: its commits are refused"));
    /// ```
    pub fn note(&self, instance: &str, what: What) {
        self.push(&instance.into(), what);
    }

    pub(crate) fn push(&self, instance: &Arc<str>, what: What) {
        let mut entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let time = self.0.began.elapsed();
        entries.push(Entry { time, instance: instance.clone(), what });
    }

    /// A number that nothing else has.
    pub(crate) fn number(&self) -> u64 {
        self.0.numbers.fetch_add(1, Relaxed)
    }

    /// What happened so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says whether all promises were kept, now that nothing is left to do.
    ///
    /// # Errors
    ///
    /// One was broken: the error says which, by what, and what befell the record.
    pub fn check(&self, rules: &Rules) -> Result<(), Broken> {
        let entries = self.entries();
        let facts = Facts::of(&entries, rules);
        invariants::ALL.iter().try_for_each(|check| check(&facts))
    }

    /// All promises that were broken, each by what broke it first.
    pub fn broken(&self, rules: &Rules) -> Vec<Broken> {
        let entries = self.entries();
        let facts = Facts::of(&entries, rules);
        invariants::ALL.iter().filter_map(|check| check(&facts).err()).collect()
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries().iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "History({} entries)", self.entries().len())
    }
}
