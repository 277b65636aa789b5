//! A process that works on records by key, and writes down each call: this test binary, started again.

use milena::{Record, Router, State, by_key, each};
use milena_rdkafka::Kafka;
use nix::{
    sys::signal::{Signal, kill},
    time::{ClockId, clock_gettime},
    unistd::Pid,
};
use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Names the file of a worker, and makes this test a worker.
const LOG: &str = "MILENA_TEST_WORKER";
const GROUP: &str = "MILENA_TEST_GROUP";
const TOPIC: &str = "MILENA_TEST_TOPIC";
const OPTIONS: &str = "MILENA_TEST_OPTIONS";

/// A worker that was started.
pub(crate) struct Worker {
    child: Child,
    pub(super) log: PathBuf,
}

impl Worker {
    pub(crate) fn start(group: &str, topic: &str, options: &[(&str, &str)], log: &Path) -> Self {
        let options: Vec<_> =
            options.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["keyed::worker::works_when_it_is_asked_to", "--exact", "--nocapture"])
            .env(LOG, log)
            .env(GROUP, group)
            .env(TOPIC, topic)
            .env(OPTIONS, options.join(" "))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, log: log.to_owned() }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Whether it has begun so many calls.
    pub(crate) fn has_called(&self, calls: usize) -> bool {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter(|line| line.starts_with('S')).count() >= calls
    }

    /// SIGKILL.
    pub(super) fn kill(mut self) -> PathBuf {
        self.signal(Signal::SIGKILL);
        self.child.wait().unwrap();
        self.log
    }

    /// Asks it to stop, which it has to do well and soon.
    pub(crate) fn terminate(mut self) -> PathBuf {
        self.signal(Signal::SIGTERM);
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return self.log;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Where calls are written down: whole lines, each at once, so that nothing is torn.
type Journal = Arc<Mutex<File>>;

fn write(journal: &Journal, what: char, record: &Record) {
    let key = String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned();
    let (partition, offset, now) = (record.partition(), record.offset(), nanos());
    let line = format!("{what} {partition} {offset} {key} {now}\n");
    journal.lock().unwrap().write_all(line.as_bytes()).unwrap();
}

/// What the clock says that all processes share.
pub(super) fn nanos() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    (now.tv_sec() * 1_000_000_000 + now.tv_nsec()).cast_unsigned()
}

/// Takes 0 to 20 ms.
async fn work(record: Record, State(journal): State<Journal>) {
    write(&journal, 'S', &record);
    let spread = record.offset().wrapping_mul(7919).rem_euclid(21).unsigned_abs();
    tokio::time::sleep(Duration::from_millis(spread)).await;
    write(&journal, 'E', &record);
}

#[test]
fn works_when_it_is_asked_to() {
    let Some(log) = std::env::var_os(LOG) else { return };
    let var = |name| std::env::var(name).unwrap();
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let journal: Journal = Arc::new(Mutex::new(File::create(log).unwrap()));
    let mut kafka = Kafka::from_env().unwrap();
    for option in var(OPTIONS).split_whitespace() {
        let (name, value) = option.split_once('=').unwrap();
        kafka = kafka.set(name, value);
    }
    let router = Router::new(var(GROUP))
        .subscribe(var(TOPIC), each(work).concurrency(by_key(64)))
        .with_state(journal);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(milena::serve(kafka, router).into_future()).unwrap();
}
