//! Calls side by side: by key, or in no order.

mod call;
mod pace;
mod source;

use self::{
    call::{Call, Lane},
    pace::Pace,
    source::Source,
};
use super::{
    Subscription,
    attempt::{Part, is_dropped, settle_now},
    keys::Keys,
    lanes::Load,
    permit::Permit,
};
use crate::route::{Run, Sink, Spread, Step, Turn};
use milena_core::handler::Outcome;
use std::{
    future::poll_fn,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64},
    },
    task::Poll,
};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::{JoinSet, coop},
    time::Instant,
};

/// Calls a handler with the records of a partition side by side.
///
/// Records are begun in order, on the task of the lane: a call that is ready at once costs nothing more.
/// One that is not goes on in a task of its own, and the next record is begun.
pub(crate) async fn run(
    handler: Arc<dyn Run>,
    subscription: Arc<Subscription>,
    loads: UnboundedReceiver<Load>,
) {
    let lane = Arc::new(Lane {
        handler,
        order: subscription.policy.concurrency.0,
        permits: subscription.permits.clone(),
        keys: Keys::default(),
        source: Source::new(loads),
        newest: AtomicI64::new(-1),
        stopped: AtomicBool::new(false),
    });
    let mut calls = Calls { lane: lane.clone(), running: JoinSet::new(), pace: Pace::default() };
    while !lane.has_stopped() {
        tokio::select! {
            biased;
            // Beginning calls reaps those that have ended, so that these need not wait for their turn.
            more = lane.source.more() => match more {
                true => calls.begin().await,
                false => break,
            },
            Some(ended) = calls.running.join_next() => reap(ended),
        }
    }
    // What waits for a key is owed where others behind it were begun: it is worked on before the end.
    while let Some(ended) = calls.running.join_next().await {
        reap(ended);
    }
    lane.keys.clear();
}

/// Begins calls, and knows those that run.
struct Calls {
    lane: Arc<Lane>,
    running: JoinSet<()>,
    pace: Pace,
}

impl Calls {
    /// Begins calls with the next records, as soon as there is a place, or leaves them to whoever has their
    /// keys in work.
    async fn begin(&mut self) {
        let Some((part, _)) = self.lane.source.open() else { return };
        let (assignment, mut permit) = (&part.work.assignment, self.lane.permits.permit());
        if !permit.try_take() {
            self.lane.source.set_waiting(true);
            let flow = permit.take(assignment).await;
            self.lane.source.set_waiting(false);
            if flow.is_break() {
                return self.lane.source.close();
            }
        }
        // Others may have begun them meanwhile.
        let Some((part, next)) = self.lane.source.open() else { return };
        let assignment = &part.work.assignment;
        let _busy = assignment.busy();
        let begun = self.stretch(&part, next).await;
        while let Some(ended) = self.running.try_join_next() {
            reap(ended);
        }
        match begun {
            Some(begun) => self.go_on(&part, begun, permit),
            None if !assignment.is_live() || self.lane.has_stopped() => self.lane.source.close(),
            None if !part.work.may_begin_now() => {
                drop(permit);
                part.work.may_begin().await;
            }
            None => {
                drop(permit);
                coop::consume_budget().await;
            }
        }
    }

    /// Calls the handler with these records up to the first that is not ready at once.
    async fn stretch(&mut self, part: &Part, next: u32) -> Option<Spread> {
        let sink = Beside { lane: &self.lane, part };
        let (chunk, at_once, outbox) = (&part.chunk, self.pace.at_once(), part.outbox());
        let end = (part.work.len() as u32).min(next + self.pace.stretch());
        let mut turn =
            Turn { chunk, next, end, calls: 0, attempt: 1, at_once, outbox, sink: &sink };
        let began = Instant::now();
        let handler = &self.lane.handler;
        let begun = poll_fn(|cx| Poll::Ready(handler.clone().spread(&mut turn, cx))).await;
        let took = began.elapsed();
        self.pace.took(took, turn.next - next);
        // A call that goes on is counted when it ends.
        let goes_on = matches!(begun, Some(Spread::Begun(..) | Spread::Due(..)));
        part.work.tally().took(took, turn.calls - u32::from(goes_on));
        self.lane.source.passed(turn.next);
        begun
    }

    /// Gives a call that is not at its end a task of its own.
    fn go_on(&mut self, part: &Part, begun: Spread, permit: Permit) {
        let (lane, part) = (self.lane.clone(), part.clone());
        lane.begin(&part, begun.index());
        // From here on: nobody is to think that nothing runs before the task has had its first turn.
        let busy = part.work.assignment.busy();
        let call = Call { lane, permit, is_cheap: false, _busy: busy };
        self.running.spawn(call.run(part, begun));
    }
}

/// Takes the results of calls that are ready at once, and keeps records of a key apart.
struct Beside<'a> {
    lane: &'a Lane,
    part: &'a Part,
}

impl Sink for Beside<'_> {
    fn proceed(&self, index: u32) -> Step {
        let (lane, part) = (self.lane, self.part);
        if is_dropped(&part.work, index) {
            return Step::Pass;
        }
        if !part.work.may_begin_now() {
            return Step::Halt;
        }
        if !lane.admit(part, index) {
            return Step::Pass;
        }
        // Looked at last, because a lane that stops forgets which keys are in work.
        if lane.has_stopped() || !part.work.begin(index) {
            return Step::Halt;
        }
        lane.called(part, index);
        Step::Call
    }

    fn settle(&self, index: u32, outcome: Outcome) -> Option<Outcome> {
        settle_now(&self.part.work, index, outcome)
    }
}

fn reap(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        resume_unwind(panic);
    }
}
