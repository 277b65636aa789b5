use super::{pace::CHEAP, source::Source};
use crate::{
    planted::{Bug, planted},
    route::{Called, Run, Spread},
    runtime::{
        assignment::Busy,
        attempt::{Part, conclude, go_on, run_owed, settle_now},
        keys::Keys,
        permit::{Permit, Permits},
    },
    subscriber::{NullKeys, Order},
};
use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
};
use tokio::{task::coop, time::Instant};

/// What the calls of a lane share.
pub(super) struct Lane {
    pub(super) handler: Arc<dyn Run>,
    pub(super) order: Order,
    pub(super) permits: Permits,
    pub(super) keys: Keys<Entry>,
    pub(super) source: Source,
    /// The last record that a call was begun with: what waits before it is owed.
    pub(super) newest: AtomicI64,
    /// Whether the service stops before one of its records.
    pub(super) stopped: AtomicBool,
}

/// A record that waits for its key.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) part: Part,
    pub(super) index: u32,
}

/// A call that goes on beside the others.
pub(super) struct Call {
    pub(super) lane: Arc<Lane>,
    pub(super) permit: Permit,
    /// Whether the last call was ready at once and took next to no time.
    pub(super) is_cheap: bool,
    pub(super) _busy: Busy,
}

impl Call {
    /// Brings it to its end, and goes on with what waits for its key, or for its place.
    pub(super) async fn run(mut self, part: Part, begun: Spread) {
        let index = begun.index();
        if self.conclude(&part, begun).await.is_break() {
            self.lane.broken(&part);
        } else if let Some(next) = self.next(&part, index).await {
            // What follows takes more room than most calls need.
            Box::pin(self.go_on(next)).await;
        }
    }

    async fn conclude(&mut self, part: &Part, begun: Spread) -> ControlFlow<()> {
        let (index, result) = match begun {
            Spread::Ended(Called { index, result }) => (index, result),
            Spread::Begun(index, call) => (index, timed(part, call).await),
            Spread::Due(index, call) => {
                // Others behind it may have been called with, so it is owed.
                let flow = go_on(&part.work, &mut self.permit).await;
                if flow.is_break() && !part.work.assignment.finishes() {
                    return flow;
                }
                self.permit.take_owed(&part.work.assignment).await?;
                (index, timed(part, call).await)
            }
        };
        let result = match result.map(|outcome| settle_now(&part.work, index, outcome)) {
            Ok(None) => return ControlFlow::Continue(()),
            Ok(Some(outcome)) => Ok(outcome),
            Err(failure) => Err(failure),
        };
        let called = Called { index, result };
        Box::pin(conclude(&*self.lane.handler, part, called, &mut self.permit)).await
    }

    /// Works on this record, and those that come behind it.
    async fn go_on(mut self, mut entry: Entry) {
        loop {
            let (Entry { part, index }, began) = (entry, Instant::now());
            self.lane.called(&part, index);
            let handler = &*self.lane.handler;
            if run_owed(handler, &part, index, &mut self.permit).await.is_break() {
                return self.lane.broken(&part);
            }
            self.is_cheap = began.elapsed() < CHEAP;
            match self.next(&part, index).await {
                Some(next) => entry = next,
                None => return,
            }
            coop::consume_budget().await;
        }
    }

    /// What comes behind this record: the next of its key, or else what the lane has no place for.
    async fn next(&mut self, part: &Part, index: u32) -> Option<Entry> {
        let assignment = &part.work.assignment;
        if self.lane.is_ordered(part, index)
            && let Some(next) = self.lane.keys.next(part.key(index))
        {
            // The others come in between.
            self.permit.pass_on();
            return self.lane.may_begin(&next).then_some(next);
        }
        // Calls that cost little are made by the lane, as soon as it has a place; other partitions have
        // their turns.
        if self.is_cheap || self.permit.is_awaited_beside(assignment) {
            return None;
        }
        self.lane.source.pull(&self.lane)
    }
}

impl Lane {
    /// Whether the record waits for others of its key.
    pub(super) fn is_ordered(&self, part: &Part, index: u32) -> bool {
        match self.order {
            Order::Key { null_keys: NullKeys::InOrder, .. } => true,
            Order::Key { null_keys: NullKeys::Free, .. } => part.key(index).is_some(),
            Order::Partition | Order::Free { .. } => false,
        }
    }

    /// Whether the next record is not to wait for others of its key. If it is, it is among those now.
    pub(super) fn admit(&self, part: &Part, index: u32) -> bool {
        let waits = || Entry { part: part.clone(), index };
        !self.is_ordered(part, index)
            || planted(Bug::TwoCallsOfAKey)
            || self.keys.admit(part.key(index), waits)
    }

    /// The key of the record is in work.
    pub(super) fn begin(&self, part: &Part, index: u32) {
        if self.is_ordered(part, index) {
            self.keys.begin(part.key(index));
        }
    }

    /// Whether calls may begin.
    pub(super) fn proceeds(&self, part: &Part) -> bool {
        part.work.may_begin_now() && !self.has_stopped()
    }

    /// Whether a record that waited is worked on. While its partition is handed over it is if one behind
    /// it was called with: without this one that would be repeated.
    fn may_begin(&self, Entry { part, index }: &Entry) -> bool {
        let is_owed = || part.offset(*index) < self.newest.load(SeqCst);
        part.work.assignment.is_live() || is_owed()
    }

    /// The handler is called with the record.
    pub(super) fn called(&self, part: &Part, index: u32) {
        self.newest.fetch_max(part.offset(index), SeqCst);
    }

    /// A call was broken off: its partition has ended, or the service stops before its record, and then
    /// nothing behind that is begun any more.
    fn broken(&self, part: &Part) {
        if part.work.assignment.is_live() {
            self.stopped.store(true, SeqCst);
            self.keys.clear();
        }
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.stopped.load(SeqCst)
    }
}

/// The call, counted with the time it takes from here on.
async fn timed<T>(part: &Part, call: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let result = call.await;
    part.work.tally().took(began.elapsed(), 1);
    result
}
