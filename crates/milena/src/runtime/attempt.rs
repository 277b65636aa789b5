use super::{
    Work,
    permit::Permit,
    replies::publish_now,
    settle::{Item, Next, settle},
};
use crate::{
    planted::had_before,
    publishing::Outbox,
    route::{Called, Run, Sink, Step, Turn},
};
use milena_core::{
    handler::{Decision, Outcome},
    record::Chunk,
};
use std::{
    fmt,
    ops::{ControlFlow, Range},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// A chunk in work.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) chunk: Arc<Chunk>,
    pub(crate) work: Arc<Work>,
}

impl Part {
    pub(crate) fn offset(&self, index: u32) -> i64 {
        self.work.offset(index as usize)
    }

    pub(crate) fn outbox(&self) -> Option<Outbox> {
        self.work.subscription.outbox
    }

    pub(crate) fn key(&self, index: u32) -> Option<&[u8]> {
        self.work.records().key(index as usize)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chunk.fmt(f)
    }
}

/// Calls a handler with some records of a chunk, one after the other, each until it is settled. Broken
/// off when the partition has ended, or the service is to stop.
pub(crate) async fn run_all(
    handler: &dyn Run,
    part: &Part,
    records: Range<u32>,
    permit: &mut Permit,
) -> ControlFlow<()> {
    let sink = InOrder { work: &part.work };
    let (next, end, outbox) = (records.start, records.end, part.outbox());
    let mut turn = Turn {
        chunk: &part.chunk,
        next,
        end,
        calls: 0,
        attempt: 1,
        at_once: true,
        outbox,
        sink: &sink,
    };
    while turn.next < turn.end {
        match timed(handler, &mut turn, &part.work).await {
            Some(called) => conclude(handler, part, called, permit).await?,
            None if turn.next == turn.end => {}
            None => go_on(&part.work, permit).await?,
        }
    }
    ControlFlow::Continue(())
}

/// Calls a handler with a record that waited while others behind it were called with. It is worked on
/// also while its partition is handed over: otherwise those others would be repeated. Broken off when the
/// partition is not ours any more, or nothing of it may begin.
pub(crate) async fn run_owed(
    handler: &dyn Run,
    part: &Part,
    index: u32,
    permit: &mut Permit,
) -> ControlFlow<()> {
    let sink = Owed { work: &part.work };
    let (chunk, next, end, outbox) = (&part.chunk, index, index + 1, part.outbox());
    let mut turn =
        Turn { chunk, next, end, calls: 0, attempt: 1, at_once: true, outbox, sink: &sink };
    loop {
        permit.take_owed(&part.work.assignment).await?;
        match timed(handler, &mut turn, &part.work).await {
            Some(called) => return conclude(handler, part, called, permit).await,
            None if turn.next == turn.end => return ControlFlow::Continue(()),
            None if !part.work.assignment.is_live() => return ControlFlow::Break(()),
            // It may be handed over while it waits, and then it is looked at once more.
            None => drop(go_on(&part.work, permit).await),
        }
    }
}

/// Calls a handler with the records of a turn, and notes how long that took: the clock is read once a turn.
async fn timed(handler: &dyn Run, turn: &mut Turn<'_>, work: &Work) -> Option<Called> {
    let (before, began) = (turn.calls, Instant::now());
    let called = handler.run(turn).await;
    work.tally().took(began.elapsed(), turn.calls - before);
    called
}

/// Brings a record to its end whose first call was not simply a success.
pub(crate) async fn conclude(
    handler: &dyn Run,
    part: &Part,
    called: Called,
    permit: &mut Permit,
) -> ControlFlow<()> {
    let Part { chunk, work } = part;
    let item = [Item { work: work.clone(), index: called.index }];
    let (mut result, mut attempt) = (called.result, 1);
    loop {
        match settle(&item, attempt, result).await {
            Next::Onward => return ControlFlow::Continue(()),
            Next::Stop => return ControlFlow::Break(()),
            Next::Again(delay) | Next::SomeAgain(_, delay) => {
                // Others may call meanwhile.
                permit.give_back();
                pause(work, delay).await?;
                permit.take(&work.assignment).await?;
            }
        }
        attempt += 1;
        work.retried(called.index, attempt);
        let sink = InOrder { work };
        let (next, end, outbox) = (called.index, called.index + 1, part.outbox());
        let mut turn =
            Turn { chunk, next, end, calls: 0, attempt, at_once: true, outbox, sink: &sink };
        result = loop {
            match timed(handler, &mut turn, work).await {
                Some(called) => break called.result,
                None if turn.next == end => return ControlFlow::Continue(()),
                None => go_on(work, permit).await?,
            }
        };
    }
}

/// Waits until a call may begin, without keeping others from theirs. Broken off when the partition has
/// ended.
pub(crate) async fn go_on(work: &Work, permit: &mut Permit) -> ControlFlow<()> {
    if !work.may_begin_now() {
        permit.give_back();
        work.may_begin().await;
    }
    if !work.assignment.is_live() {
        return ControlFlow::Break(());
    }
    permit.take(&work.assignment).await
}

/// Waits before another attempt. Broken off when the partition has ended.
pub(crate) async fn pause(work: &Work, delay: Duration) -> ControlFlow<()> {
    tokio::select! {
        biased;
        () = tokio::time::sleep(delay) => {}
        () = work.assignment.ended() => {}
    }
    if work.assignment.is_live() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Settles a record whose call was simply a success, without waiting; gives the outcome back if it was not.
pub(crate) fn settle_now(work: &Arc<Work>, index: u32, mut outcome: Outcome) -> Option<Outcome> {
    if outcome.decision != Decision::Done || work.acks.in_use() {
        return Some(outcome);
    }
    if !outcome.records.is_empty() {
        outcome.records = publish_now(work, index, outcome.records);
        if !outcome.records.is_empty() {
            return Some(outcome);
        }
    }
    work.succeeded(index);
    work.release(index);
    None
}

/// Whether the record at this place was had before, and is dropped for that: a bug that is planted.
pub(crate) fn is_dropped(work: &Work, index: u32) -> bool {
    let at = &work.assignment;
    let dropped =
        had_before(&work.subscription, (&at.place, at.epoch), || work.offset(index as usize));
    if dropped {
        work.release(index);
    }
    dropped
}

/// Takes the result of a call that is owed.
struct Owed<'a> {
    work: &'a Arc<Work>,
}

impl Sink for Owed<'_> {
    fn proceed(&self, index: u32) -> Step {
        if self.work.begin_owed(index) { Step::Call } else { Step::Halt }
    }

    fn settle(&self, index: u32, outcome: Outcome) -> Option<Outcome> {
        settle_now(self.work, index, outcome)
    }
}

/// Takes the results of calls that are made one after the other.
struct InOrder<'a> {
    work: &'a Arc<Work>,
}

impl Sink for InOrder<'_> {
    fn proceed(&self, index: u32) -> Step {
        if is_dropped(self.work, index) {
            return Step::Pass;
        }
        if self.work.begin(index) { Step::Call } else { Step::Halt }
    }

    fn settle(&self, index: u32, outcome: Outcome) -> Option<Outcome> {
        settle_now(self.work, index, outcome)
    }
}
