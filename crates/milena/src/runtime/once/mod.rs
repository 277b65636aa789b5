//! Exactly once: what comes of records is published in one transaction with the offsets behind them (KIP-447).
//!
//! A call publishes nothing. What it returns, or hands to publishers, is kept with its record until the record is
//! done, and so are all before it in its partition. Then it is part of the next transaction, which is open only for
//! as long as it takes to publish what is planned: handlers run meanwhile, and what went wrong is published again
//! from here, without calling them again.

mod attempt;
mod outputs;
mod owned;
mod plan;
mod refused;
mod session;
mod settled;
mod torn;

pub(crate) use self::{
    attempt::Attempted,
    outputs::{Output, Outputs, Together},
    plan::{Plan, Planned, Source},
    session::Opened,
};

use self::session::Session;
use super::Note;
use crate::{
    publishing::Outbox,
    router::{Options, TransactionalIds},
};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::{Consumer, Lookup, Transport},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::mpsc::UnboundedSender, task::JoinSet, time::Instant};

/// After this time the broker takes back a transaction that did not end.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the next transaction waits behind one that failed, the first time; twice as long each time after.
const AGAIN: Duration = Duration::from_millis(50);
/// How long it waits at most.
const AT_MOST: Duration = Duration::from_secs(5);

/// What a group whose results are published exactly once has for that.
pub(crate) struct Once {
    pub(crate) ids: TransactionalIds,
    cluster: Arc<str>,
    pub(crate) group: Arc<str>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) outbox: Outbox,
    pub(crate) note: UnboundedSender<Note>,
    /// The transactional producers, by the partition that each is for if it is for one.
    pub(crate) sessions: BTreeMap<Option<i32>, Session>,
    /// How many sessions were begun to be opened.
    opened: u64,
    /// What opens sessions and what ends transactions; nothing of it outlives the group.
    pub(crate) tasks: JoinSet<()>,
    /// The transactions under way.
    pub(crate) out: usize,
    /// Whether partitions are held back for want of room.
    holds_back: bool,
    /// How often in a row a transaction failed, and when the next may begin.
    failures: u32,
    pub(crate) not_before: Instant,
}

/// What is needed beside the router's word.
pub(crate) struct Means {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) outbox: Outbox,
}

impl Once {
    /// What a group has for that, if its router says so.
    pub(crate) fn begin(
        options: &Options,
        means: Option<Means>,
        (consumer, note): (&dyn Consumer, &UnboundedSender<Note>),
        (cluster, group): (&Arc<str>, &Arc<str>),
    ) -> Option<Self> {
        let named = (options.exactly_once.clone()?, cluster.clone(), group.clone());
        Some(Self::new(named, means?, consumer.lookup(), note.clone()))
    }

    fn new(
        (ids, cluster, group): (TransactionalIds, Arc<str>, Arc<str>),
        Means { transport, outbox }: Means,
        lookup: Arc<dyn Lookup>,
        note: UnboundedSender<Note>,
    ) -> Self {
        let mut once = Self {
            ids,
            cluster,
            group,
            transport,
            lookup,
            outbox,
            note,
            sessions: BTreeMap::new(),
            opened: 0,
            tasks: JoinSet::new(),
            out: 0,
            holds_back: false,
            failures: 0,
            not_before: Instant::now(),
        };
        if once.key(0).is_none() {
            once.open(None);
        }
        once
    }

    /// Which session is for the results of this partition.
    pub(crate) fn key(&self, partition: i32) -> Option<i32> {
        self.ids.is_per_partition().then_some(partition)
    }

    /// Whether a transaction for this partition may begin.
    pub(crate) fn is_ready(&self, place: &TopicPartition) -> bool {
        let session = self.sessions.get(&self.key(place.partition));
        matches!(session, Some(Session::Ready(_))) && Instant::now() >= self.not_before
    }

    /// A transaction ended well.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// A transaction failed: the next one waits.
    pub(crate) fn failed(&mut self) {
        let wait = (AGAIN * 2_u32.pow(self.failures.min(10))).min(AT_MOST);
        self.failures += 1;
        self.not_before = Instant::now() + wait;
    }
}

/// The same error, for others: what was aborted is worth another try.
fn again(error: &Error) -> Error {
    let kind = match error.kind() {
        ErrorKind::Aborted => ErrorKind::Rebalancing,
        kind => kind,
    };
    Error::new(kind, error.to_string())
}
