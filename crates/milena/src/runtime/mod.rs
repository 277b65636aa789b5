//! The journey of a record between driver and handler; the modules stand in its order.

mod acks;
mod assignment;
mod attempt;
mod batches;
mod budget;
mod commit;
mod conductor;
mod counters;
mod dead_letter;
mod drain;
mod ending;
mod keys;
mod lanes;
mod offsets;
mod permit;
mod pressure;
mod rebalance;
mod replies;
mod settle;
mod side_by_side;
mod work;

pub(crate) use conductor::{Conductor, Offered, Phase};

use assignment::Assignment;
use budget::Budget;
use counters::Counters;
use permit::Permits;
use work::Work;

use crate::{
    route::Runner,
    subscriber::{AckPolicy, Policy},
};
use milena_core::{
    error::Error,
    record::{Epoch, TopicPartition},
    transport::Producer,
};
use std::{fmt, sync::Arc};

/// A subscription as the runtime has it.
pub(crate) struct Subscription {
    pub(crate) runner: Runner,
    pub(crate) policy: Policy,
    pub(crate) producer: Arc<dyn Producer>,
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
    /// Under an assignment that has ended nothing runs any more.
    Quiet,
    /// The service is to stop, for this reason.
    Failed(Error),
}
