use super::{
    Subscription,
    attempt::{Part, conclude, go_on, run_owed, settle_now},
    keys::Keys,
    lanes::Load,
    permit::{Permit, Permits},
};
use crate::{
    route::{Called, Run, Sink, Spread, Step, Turn},
    subscriber::{NullKeys, Order},
};
use milena_core::handler::Outcome;
use std::{
    future::poll_fn,
    ops::ControlFlow,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::{JoinSet, coop},
    time::Instant,
};

/// A call that takes longer than this before it waits for the first time is worth a task of its own.
const CHEAP: Duration = Duration::from_micros(20);
/// How many calls are made at once between two looks at the clock, when they are cheap.
const STRETCH: u32 = 64;
/// How many calls get tasks of their own before it is looked whether they have become cheap.
const DEAR: u32 = 64;

/// Calls a handler with the records of a partition side by side.
///
/// Records are begun in order, on the task of the lane: a call that is ready at once costs nothing more.
/// One that is not goes on in a task of its own, and the next record is begun.
pub(crate) async fn run(
    handler: Arc<dyn Run>,
    subscription: Arc<Subscription>,
    mut loads: UnboundedReceiver<Load>,
) {
    let lane = Arc::new(Lane {
        handler,
        order: subscription.policy.concurrency.0,
        permits: subscription.permits.clone(),
        keys: Keys::default(),
        newest: AtomicI64::new(-1),
        stopped: AtomicBool::new(false),
    });
    let mut calls = Calls { lane: lane.clone(), running: JoinSet::new(), pace: Pace::default() };
    loop {
        tokio::select! {
            load = loads.recv() => match load {
                Some(load) => {
                    if calls.begin_all(load).await.is_break() && lane.has_stopped() {
                        break;
                    }
                }
                None => break,
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

/// What the calls of a lane share.
struct Lane {
    handler: Arc<dyn Run>,
    order: Order,
    permits: Permits,
    keys: Keys<Entry>,
    /// The last record that a call was begun with: what waits before it is owed.
    newest: AtomicI64,
    /// Whether the service stops before one of its records.
    stopped: AtomicBool,
}

/// A record that waits for its key.
#[derive(Debug)]
struct Entry {
    part: Part,
    index: u32,
}

/// Begins calls, and knows those that run.
struct Calls {
    lane: Arc<Lane>,
    running: JoinSet<()>,
    pace: Pace,
}

impl Calls {
    /// Begins a call for each record of the chunk, or leaves it to whoever has its key in work. Broken
    /// off when the partition has ended, or the service is to stop.
    async fn begin_all(&mut self, load: Load) -> ControlFlow<()> {
        let part = load.part();
        let assignment = &part.work.assignment;
        let _busy = assignment.busy();
        let (mut next, end) = (0, part.work.len() as u32);
        while next < end {
            let mut permit = self.lane.permits.permit();
            permit.take(assignment).await?;
            let until = end.min(next + self.pace.stretch());
            let begun = self.stretch(&part, &mut next, until).await;
            while let Some(ended) = self.running.try_join_next() {
                reap(ended);
            }
            match begun {
                Some(begun) => self.go_on(&part, begun, permit),
                None if !assignment.is_live() || self.lane.has_stopped() => {
                    return ControlFlow::Break(());
                }
                None if !part.work.may_begin_now() => {
                    drop(permit);
                    part.work.may_begin().await;
                }
                None => coop::consume_budget().await,
            }
        }
        ControlFlow::Continue(())
    }

    /// Calls the handler with these records up to the first that is not ready at once.
    async fn stretch(&mut self, part: &Part, next: &mut u32, end: u32) -> Option<Spread> {
        let sink = Beside { lane: &self.lane, part };
        let at_once = self.pace.at_once();
        let (chunk, first) = (&part.chunk, *next);
        let mut turn = Turn { chunk, next: first, end, attempt: 1, at_once, sink: &sink };
        let began = Instant::now();
        let handler = &self.lane.handler;
        let begun = poll_fn(|cx| Poll::Ready(handler.clone().spread(&mut turn, cx))).await;
        *next = turn.next;
        self.pace.took(began.elapsed(), turn.next - first);
        begun
    }

    /// Gives a call that is not at its end a task of its own.
    fn go_on(&mut self, part: &Part, begun: Spread, permit: Permit) {
        let (lane, part) = (self.lane.clone(), part.clone());
        let index = begun.index();
        if lane.is_ordered(&part, index) {
            lane.keys.begin(part.key(index));
        }
        // From here on: nobody is to think that nothing runs before the task has had its first turn.
        let busy = part.work.assignment.busy();
        self.running.spawn(async move {
            let _busy = busy;
            if lane.conclude(&part, begun, permit).await.is_break()
                && part.work.assignment.is_live()
            {
                lane.stopped.store(true, SeqCst);
                lane.keys.clear();
            }
        });
    }
}

impl Lane {
    /// Brings a call to its end, and then, one after the other, those that wait for its key.
    async fn conclude(&self, part: &Part, begun: Spread, mut permit: Permit) -> ControlFlow<()> {
        let called = match begun {
            Spread::Ended(called) => called,
            Spread::Begun(index, call) => Called { index, result: call.await },
            Spread::Due(index, call) => {
                // Others behind it may have been called with, so it is owed.
                let flow = go_on(&part.work, &mut permit).await;
                if flow.is_break() && !part.work.assignment.finishes() {
                    return flow;
                }
                permit.take_owed(&part.work.assignment).await?;
                Called { index, result: call.await }
            }
        };
        let (handler, index) = (&*self.handler, called.index);
        conclude(handler, part, called, &mut permit).await?;
        if !self.is_ordered(part, index) {
            return ControlFlow::Continue(());
        }
        while let Some(Entry { part, index }) = self.keys.next(part.key(index)) {
            if !part.work.assignment.is_live() && !self.is_owed(&part, index) {
                return ControlFlow::Break(());
            }
            // The others come in between.
            permit.give_back();
            self.newest.fetch_max(part.offset(index), SeqCst);
            run_owed(handler, &part, index, &mut permit).await?;
        }
        ControlFlow::Continue(())
    }

    /// Whether a record behind this one was called with: without this one it would be repeated.
    fn is_owed(&self, part: &Part, index: u32) -> bool {
        part.offset(index) < self.newest.load(SeqCst)
    }

    /// Whether the record waits for others of its key.
    fn is_ordered(&self, part: &Part, index: u32) -> bool {
        match self.order {
            Order::Key { null_keys: NullKeys::InOrder, .. } => true,
            Order::Key { null_keys: NullKeys::Free, .. } => part.key(index).is_some(),
            Order::Partition | Order::Free { .. } => false,
        }
    }

    fn has_stopped(&self) -> bool {
        self.stopped.load(SeqCst)
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
        if !part.work.may_begin_now() {
            return Step::Halt;
        }
        let waits = || Entry { part: part.clone(), index };
        if lane.is_ordered(part, index) && !lane.keys.admit(part.key(index), waits) {
            return Step::Pass;
        }
        // Looked at last, because a lane that stops forgets which keys are in work.
        if lane.has_stopped() || !part.work.begin(index) {
            return Step::Halt;
        }
        lane.newest.fetch_max(part.offset(index), SeqCst);
        Step::Call
    }

    fn settle(&self, index: u32, outcome: Outcome) -> Option<Outcome> {
        settle_now(&self.part.work, index, outcome)
    }
}

/// Whether calls are made on the task of the lane, or get tasks of their own at once, which spreads
/// over the runtime's threads what keeps a thread busy.
struct Pace {
    stretch: u32,
    /// How many calls more get tasks of their own.
    dear: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { stretch: 4, dear: 0 }
    }
}

impl Pace {
    fn at_once(&self) -> bool {
        self.dear == 0
    }

    fn stretch(&self) -> u32 {
        self.stretch
    }

    fn took(&mut self, time: Duration, calls: u32) {
        if self.dear > 0 {
            self.dear -= 1;
        } else if calls > 0 && time > CHEAP * calls {
            (self.stretch, self.dear) = (1, DEAR);
        } else {
            self.stretch = (self.stretch * 2).min(STRETCH);
        }
    }
}

fn reap(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        resume_unwind(panic);
    }
}
