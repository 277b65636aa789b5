//! The journey of a record between driver and handler; the modules stand in its order.

mod acks;
mod answers;
mod assignment;
mod attempt;
mod batches;
mod breaker;
mod budget;
mod commit;
mod conductor;
mod counters;
mod dead_letter;
mod drain;
mod ending;
mod keys;
mod lanes;
mod listening;
mod metrics;
mod moves;
mod offsets;
mod once;
mod outcomes;
mod outside;
mod partition;
mod permit;
mod phase;
mod pressure;
mod provided;
mod rebalance;
mod replies;
mod settle;
mod side_by_side;
mod steering;
mod subscriptions;
mod turns;
mod watchdog;
mod work;

pub(crate) use conductor::Conductor;
pub(crate) use metrics::{Labels, counted};
pub(crate) use once::Means;
pub(crate) use outside::{Line, Outside};
pub(crate) use phase::Phase;
pub(crate) use provided::Provided;
pub(crate) use subscriptions::union;

use assignment::Assignment;
use breaker::BreakerState;
use budget::Budget;
use counters::Counters;
use permit::Permits;
use work::Work;

use crate::{
    listener::Listen,
    publishing::Outbox,
    route::{Answering, Runner},
    subscriber::{AckPolicy, Failing, Policy},
};
use milena_core::{
    error::Error,
    record::{Epoch, TopicPartition},
    transport::Producer,
};
use std::{fmt, sync::Arc};

/// A subscription as the runtime has it.
pub(crate) struct Subscription {
    pub(crate) group: Arc<str>,
    pub(crate) runner: Runner,
    pub(crate) policy: Policy,
    pub(crate) breaker: BreakerState,
    pub(crate) listener: Option<Arc<dyn Listen>>,
    pub(crate) producer: Arc<dyn Producer>,
    /// Where what a call publishes is kept, if it becomes part of a transaction.
    pub(crate) outbox: Option<Outbox>,
    /// Whether records that ask for an answer get one when they fail.
    pub(crate) answering: Answering,
    pub(crate) budget: Arc<Budget>,
    /// The calls it may make at once.
    pub(crate) permits: Permits,
    pub(crate) counters: Arc<Counters>,
    /// For what comes back on threads of the driver.
    pub(crate) handle: tokio::runtime::Handle,
}

impl Subscription {
    /// Whether its records may be committed as soon as they are received.
    fn acks_on_receive(&self) -> bool {
        self.policy.ack == AckPolicy::OnReceive
    }

    /// Whether the dead letters of a subscription that `takes` these topics go to `topic`.
    fn buries_in(&self, topic: &str, takes: impl Fn(&str) -> bool) -> bool {
        match &self.policy.failing {
            Failing::DeadLetter(letters) => letters.go_to(topic, takes),
            Failing::Skip | Failing::Stop => false,
        }
    }

    /// Whether one lane takes the records of all partitions.
    fn is_shared(&self) -> bool {
        matches!(self.runner, Runner::Batch(_)) && self.policy.batching.across_partitions
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// What lanes, replies and acknowledgements tell the conductor.
#[derive(Debug)]
pub(crate) enum Note {
    /// All records of a chunk are settled, so many.
    Settled(TopicPartition, Epoch, usize),
    /// A partition that was held back has room again.
    Room(TopicPartition, Epoch),
    /// What the group had committed when these were assigned.
    Began(Vec<(TopicPartition, Epoch, Option<i64>)>),
    /// The listeners have heard the call of this number.
    Heard(u64),
    /// Under an assignment that has ended nothing runs any more.
    Quiet,
    /// A transactional producer is open, or cannot be.
    Opened(once::Opened),
    /// A transaction has ended.
    Attempted(Box<once::Attempted>),
    /// What is committed of partitions whose transactional id went to another member.
    Anew(Option<i32>, Vec<(TopicPartition, Epoch, Option<i64>)>),
    /// The service is to stop, for this reason.
    Failed(Error),
}
