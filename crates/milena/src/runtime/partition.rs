use super::{
    Assignment, lanes::Lane, metrics::PartitionGauges, offsets::Offsets, once::Plan,
    pressure::HeldBack, subscriptions::Taker, watchdog::Watch,
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::time::Instant;

/// A partition that is this member's.
pub(super) struct Partition {
    pub(super) assignment: Arc<Assignment>,
    pub(super) takers: Vec<Taker>,
    pub(super) offsets: Offsets,
    /// What is to be in the next transaction.
    pub(super) plan: Plan,
    pub(super) lanes: BTreeMap<usize, Lane>,
    pub(super) held_back: HeldBack,
    /// Whether a user paused it alone.
    pub(super) is_paused: bool,
    /// The offset behind its newest record, as far as it is known.
    pub(super) end_offset: Option<i64>,
    /// What the group had committed when it was assigned, as far as that is known.
    pub(super) began: Option<i64>,
    pub(super) watch: Watch,
    pub(super) gauges: PartitionGauges,
}

impl Partition {
    pub(super) fn new(assignment: Assignment, takers: Vec<Taker>, gauges: PartitionGauges) -> Self {
        Self {
            assignment: Arc::new(assignment),
            offsets: Offsets::default()
                .keeping_results(takers.iter().any(|it| it.subscription.outbox.is_some())),
            plan: Plan::default(),
            takers,
            lanes: BTreeMap::new(),
            held_back: HeldBack::default(),
            is_paused: false,
            end_offset: None,
            began: None,
            watch: Watch::new(Instant::now()),
            gauges,
        }
    }

    /// No call begins any more, and what waits in lanes is dropped.
    pub(super) fn end(&mut self) {
        self.assignment.end();
        self.lanes.clear();
    }

    /// Whether everything that was delivered is done.
    pub(super) fn is_empty(&mut self) -> bool {
        self.offsets.committable();
        self.offsets.weight().0 == 0
    }
}
