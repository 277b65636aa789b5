//! Where processes run, and what machine it is.

use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use std::{fs, path::PathBuf, thread::available_parallelism};

/// The core of the client under measurement.
pub const CLIENT: usize = 0;
/// The core of the broker, and of what feeds it.
pub const BROKER: usize = 1;

/// Keeps this process, and those it starts, on one core.
pub fn pin(core: usize) {
    set(Pid::from_raw(0), &[core]);
}

/// The broker on a core of its own, until this is dropped; nothing when there is one core, or the broker
/// is not one that `scripts/kafka` has started here.
#[derive(Debug)]
pub struct PinnedBroker(Vec<Pid>);

impl PinnedBroker {
    pub fn new() -> Self {
        let two = available_parallelism().is_ok_and(|cores| cores.get() > BROKER);
        let threads = if two { broker_threads() } else { Vec::new() };
        threads.iter().for_each(|thread| set(*thread, &[BROKER]));
        Self(threads)
    }

    pub fn is_pinned(&self) -> bool {
        !self.0.is_empty()
    }
}

impl Default for PinnedBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for PinnedBroker {
    fn drop(&mut self) {
        let all: Vec<_> = (0..CpuSet::count().min(64)).collect();
        // Threads that came since inherited the core, so they are asked for again.
        if self.is_pinned() {
            broker_threads().into_iter().for_each(|thread| set(thread, &all));
        }
    }
}

fn broker_threads() -> Vec<Pid> {
    let Some(folder) = std::env::var_os("MILENA_KAFKA_DIR").map(PathBuf::from) else {
        return Vec::new();
    };
    let nodes = (1..=3)
        .filter_map(|node| fs::read_to_string(folder.join(node.to_string()).join("pid")).ok());
    nodes
        .filter_map(|pid| fs::read_dir(format!("/proc/{}/task", pid.trim())).ok())
        .flatten()
        .filter_map(|thread| thread.ok()?.file_name().to_str()?.parse().ok().map(Pid::from_raw))
        .collect()
}

fn set(thread: Pid, cores: &[usize]) {
    let mut set = CpuSet::new();
    for core in cores {
        let _ = set.set(*core);
    }
    // A thread that has ended meanwhile needs no core.
    let _ = sched_setaffinity(thread, &set);
}

/// The machine in one line, for a table.
pub fn describe() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned)?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".into());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let gib = memory.split(' ').next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default()
        / f64::from(1 << 20);
    let cores = available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {cpu}, {gib:.0} GiB, Apache Kafka on the same machine by loopback")
}

/// The resident memory of this process, in MiB.
pub fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default()
        / 1024.0
}
