//! A service in a process of its own, which signals reach: this test binary, started again.

use super::service::until;
use milena::{Router, serve::Control};
use milena_rdkafka::Kafka;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, SysconfVar, sysconf},
};
use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio, exit},
    sync::{Arc, Mutex},
    thread::{JoinHandle, spawn},
    time::{Duration, Instant},
};

/// Holds what the process is told, and makes a test a service.
const ORDERS: &str = "MILENA_TEST_SERVICE";
/// No process takes longer to end than all steps of an end together.
const ENDS: Duration = Duration::from_secs(90);

type Lines = Arc<Mutex<Vec<String>>>;

/// A process, which is killed if it still runs when this is dropped.
pub(super) struct Process {
    child: Child,
    /// When it was last sent a signal.
    signalled: Cell<Instant>,
    lines: Lines,
    readers: Vec<JoinHandle<()>>,
}

/// How a process ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) code: Option<i32>,
    /// How long that took from the last signal.
    pub(super) took: Duration,
    /// What it printed and logged.
    pub(super) lines: Vec<String>,
}

impl Process {
    /// Starts this test in a process of its own, where [`orders`] gives what it is told here.
    pub(super) fn start(test: &str, orders: &[(&str, &str)]) -> Self {
        let orders: Vec<_> = orders.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(ORDERS, orders.join("\n"))
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Lines::default();
        let readers = vec![
            read(child.stdout.take().unwrap(), lines.clone()),
            read(child.stderr.take().unwrap(), lines.clone()),
        ];
        Self { child, signalled: Cell::new(Instant::now()), lines, readers }
    }

    pub(super) fn signal(&self, signal: Signal) {
        self.signalled.set(Instant::now());
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// What it printed and logged that has this in it.
    pub(super) fn said(&self, what: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|line| line.contains(what)).cloned().collect()
    }

    /// Waits until it has said this so many times.
    pub(super) async fn says(&self, what: &str, times: usize) {
        let goal = format!("the process says `{what}` {times} times");
        until(&goal, async || self.said(what).len() >= times).await;
    }

    /// Waits for its end.
    pub(super) async fn end(mut self) -> End {
        let waiting = move || {
            let status = self.wait(Instant::now());
            let took = self.signalled.get().elapsed();
            self.readers.drain(..).for_each(|reader| reader.join().unwrap());
            let lines = std::mem::take(&mut *self.lines.lock().unwrap());
            End { code: status.code(), took, lines }
        };
        tokio::task::spawn_blocking(waiting).await.unwrap()
    }

    /// Asks it to stop, and waits for its end.
    pub(super) async fn terminate(self) -> End {
        self.signal(Signal::SIGTERM);
        self.end().await
    }

    fn wait(&mut self, start: Instant) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            let lines = self.lines.lock().unwrap();
            assert!(start.elapsed() < ENDS, "it has not ended after {ENDS:?}: {lines:#?}");
            drop(lines);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many bytes of memory it has.
    pub(super) fn memory(&self) -> usize {
        self.status("VmRSS:").trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    pub(super) fn threads(&self) -> usize {
        self.status("Threads:").parse().unwrap()
    }

    /// How many files and sockets it has open.
    pub(super) fn files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    fn status(&self, of: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        status.lines().find_map(|line| line.strip_prefix(of)).unwrap().trim().to_owned()
    }

    /// How long it has kept a core busy so far.
    pub(super) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // Behind the name, which may have spaces: the 14th and the 15th field of all.
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
        let a_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
        Duration::from_secs_f64(ticks / a_second as f64)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl End {
    /// What it printed and logged that has this in it.
    pub(super) fn said(&self, what: &str) -> Vec<&String> {
        self.lines.iter().filter(|line| line.contains(what)).collect()
    }
}

fn read(from: impl Read + Send + 'static, lines: Lines) -> JoinHandle<()> {
    spawn(move || {
        for line in BufReader::new(from).lines() {
            lines.lock().unwrap().push(line.unwrap());
        }
    })
}

/// What a process was told, if this is one.
pub(super) fn orders() -> Option<BTreeMap<String, String>> {
    let orders = std::env::var(ORDERS).ok()?;
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.into(), value.into()));
    Some(orders.lines().filter_map(pair).collect())
}

/// Runs a service as a `main` that returns its result does, and ends the process.
pub(super) fn run(kafka: Kafka, router: Router, beside: impl AsyncFnOnce(Control)) -> ! {
    // The line that the harness has begun ends here.
    println!();
    tracing_subscriber::fmt()
        .with_env_filter("milena=info,milena::record=off")
        .with_writer(std::io::stderr)
        .init();
    let group = router.operations().next().expect("it subscribes").group.to_owned();
    let service = milena::serve(kafka, router);
    let control = service.control(&group);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = orders().unwrap().get("threads") {
        runtime.worker_threads(threads.parse().unwrap());
    }
    let runtime = runtime.enable_all().build().unwrap();
    let result = runtime.block_on(async {
        let service = tokio::spawn(service.into_future());
        beside(control).await;
        service.await.unwrap()
    });
    drop(runtime);
    match result {
        Ok(()) => exit(0),
        Err(error) => {
            println!("ended with {:?}: {error}", error.kind());
            exit(1)
        }
    }
}
