//! A member whose results are published exactly once, and what its metrics tell of its transactions.

use super::{Broker, observed, orders, orders::At, process::Process};
use crate::faults::own_broker::free_port;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

pub(super) struct Member {
    pub(super) process: Process,
    page: SocketAddr,
}

/// What a member has told of its transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Transactions {
    pub(super) committed: u64,
    pub(super) aborted: u64,
    /// Sessions that were begun because an outcome was unknown.
    pub(super) sessions: u64,
}

impl Member {
    /// With this transactional id. One that is killed is missed soon.
    pub(super) fn start(broker: &Broker, id: &str) -> Self {
        Self::start_with(broker, id, &[])
    }

    /// One with a transaction this often.
    pub(super) fn start_each(broker: &Broker, id: &str, interval: Duration) -> Self {
        Self::start_with(broker, id, &["--commit-interval", &interval.as_millis().to_string()])
    }

    fn start_with(broker: &Broker, id: &str, more: &[&str]) -> Self {
        let page = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let address = page.to_string();
        let args =
            ["--exactly-once", id, "--metrics", &address, "--set", "session.timeout.ms=2000"];
        let args = [&args[..], &["--set", "heartbeat.interval.ms=500"], more].concat();
        Self { process: Process::start_with(&broker.address, &args), page }
    }

    /// What it has told up to now, at most a second ago; nothing if it has no page yet.
    pub(super) fn told(&self) -> Transactions {
        let page = observed::page(self.page).unwrap_or_default();
        let sum = |name: &str, with: &str| {
            let lines = page.lines().filter(|it| it.starts_with(name) && it.contains(with));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
        };
        Transactions {
            committed: sum("milena_transactions_total{", "committed"),
            aborted: sum("milena_transactions_total{", "aborted"),
            sessions: sum("milena_transaction_sessions_total{", ""),
        }
    }

    /// Ends it at once, and says what it had told.
    pub(super) fn kill(self) -> Transactions {
        let told = self.told();
        self.process.kill();
        told
    }

    /// Asks it to stop when it has told everything, of which nothing more comes. Says that, and what it logged.
    pub(super) fn terminate(self) -> (Transactions, Vec<String>) {
        let mut told = self.told();
        loop {
            // It tells once a second.
            thread::sleep(Duration::from_secs(2));
            let more = self.told();
            if more == told {
                return (told, self.process.terminate());
            }
            told = more;
        }
    }
}

impl AddAssign for Transactions {
    fn add_assign(&mut self, other: Self) {
        self.committed += other.committed;
        self.aborted += other.aborted;
        self.sessions += other.sessions;
    }
}

/// Orders that are written while something happens so many times: behind each time comes a share of them, so
/// that none happens when all is written.
pub(super) struct Writing {
    happened: Arc<AtomicU64>,
    thread: thread::JoinHandle<BTreeMap<At, u64>>,
}

impl Writing {
    pub(super) fn start(broker: &Broker, orders: u64, (times, within): (u64, Duration)) -> Self {
        let (address, rate) = (broker.address.clone(), orders as f64 / within.as_secs_f64());
        let happened = Arc::<AtomicU64>::default();
        let seen = happened.clone();
        let may = move |id| id * (times + 1) / orders <= seen.load(SeqCst);
        let write = move || orders::write_when(&address, 0..orders, rate, may);
        Self { happened, thread: thread::spawn(write) }
    }

    pub(super) fn happens(&self) {
        assert!(!self.thread.is_finished(), "all is written");
        self.happened.fetch_add(1, SeqCst);
    }

    pub(super) fn end(self) -> BTreeMap<At, u64> {
        self.thread.join().unwrap()
    }
}
