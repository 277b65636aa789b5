//! One measurement: records from the first that was handled to the last.

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};
use tokio::sync::Notify;

/// What a measurement saw.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Seen {
    pub records: u64,
    pub seconds: f64,
    /// User and system time of the whole process, in seconds.
    pub cpu: f64,
    /// Other figures, each with its name.
    #[serde(default)]
    pub figures: Vec<(String, f64)>,
}

impl Seen {
    /// Millions of records a second.
    pub fn rate(&self) -> f64 {
        self.records as f64 / self.seconds / 1e6
    }

    /// CPU seconds for a million records.
    pub fn cpu_per_million(&self) -> f64 {
        self.cpu / self.records as f64 * 1e6
    }
}

/// Counts records, and takes the time from the first to the last.
#[derive(Debug)]
pub struct Job {
    records: u64,
    handled: AtomicU64,
    began: OnceLock<(Instant, f64)>,
    ended: OnceLock<(Instant, f64)>,
    done: Notify,
}

impl Job {
    /// A job of so many records.
    pub fn new(records: u64) -> Self {
        Self {
            records,
            handled: AtomicU64::new(0),
            began: OnceLock::new(),
            ended: OnceLock::new(),
            done: Notify::new(),
        }
    }

    /// The first record is there.
    pub fn begin(&self) {
        if self.began.get().is_none() {
            let _ = self.began.set((Instant::now(), cpu()));
        }
    }

    /// So many more were handled.
    pub fn handled(&self, records: u64) {
        let before = self.handled.fetch_add(records, Relaxed);
        if before == 0 {
            self.begin();
        }
        if before < self.records && before + records >= self.records {
            let _ = self.ended.set((Instant::now(), cpu()));
            self.done.notify_one();
        }
    }

    /// How many were handled.
    pub fn count(&self) -> u64 {
        self.handled.load(Relaxed)
    }

    /// Waits until all were handled.
    pub async fn done(&self) {
        self.done.notified().await;
    }

    /// What was seen, when the work has ended now and not with the last record.
    pub fn finished(&self) -> Option<Seen> {
        let ((began, cpu_before), now) = (self.began.get()?, Instant::now());
        let (seconds, cpu) = (now.duration_since(*began).as_secs_f64(), cpu() - cpu_before);
        Some(Seen { records: self.records, seconds, cpu, figures: Vec::new() })
    }

    /// What was seen, once all were handled.
    pub fn seen(&self) -> Option<Seen> {
        let ((began, cpu_before), (ended, cpu_after)) = (self.began.get()?, self.ended.get()?);
        Some(Seen {
            records: self.records,
            seconds: ended.duration_since(*began).as_secs_f64(),
            cpu: cpu_after - cpu_before,
            figures: Vec::new(),
        })
    }
}

/// The user and system time that this process has taken, in seconds.
pub fn cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process can ask for its own usage");
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}
