use super::{
    Work,
    permit::{Permit, Permits},
    replies::publish_now,
    settle::{Item, Next, settle},
};
use crate::route::{Called, Failure, Run, Sink, Step, Turn};
use milena_core::{
    handler::{Decision, Outcome},
    record::Chunk,
};
use std::{ops::ControlFlow, sync::Arc, time::Duration};

/// Calls a handler with the records of a chunk, one after the other, each until it is settled. Broken
/// off when the partition has ended, or the service is to stop.
pub(crate) async fn run_chunk(
    handler: &dyn Run,
    chunk: &Arc<Chunk>,
    work: &Arc<Work>,
) -> ControlFlow<()> {
    let mut permit = Permits::new(None).permit();
    run_all(handler, chunk, work, 0..work.len() as u32, &mut permit).await
}

/// The same for some of the records, under this permit.
pub(crate) async fn run_all(
    handler: &dyn Run,
    chunk: &Arc<Chunk>,
    work: &Arc<Work>,
    records: std::ops::Range<u32>,
    permit: &mut Permit,
) -> ControlFlow<()> {
    let sink = InOrder { work };
    let (next, end) = (records.start, records.end);
    let mut turn = Turn { chunk, next, end, attempt: 1, at_once: true, sink: &sink };
    while turn.next < turn.end {
        match handler.run(&mut turn).await {
            Some(called) => conclude(handler, chunk, work, called, permit).await?,
            None => wait(work, permit).await?,
        }
    }
    ControlFlow::Continue(())
}

/// Brings a record to its end whose first call was not simply a success.
pub(crate) async fn conclude(
    handler: &dyn Run,
    chunk: &Arc<Chunk>,
    work: &Arc<Work>,
    called: Called,
    permit: &mut Permit,
) -> ControlFlow<()> {
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
        result = match call_again(handler, (chunk, work), (called.index, attempt), permit).await? {
            Some(result) => result,
            None => return ControlFlow::Continue(()),
        };
    }
}

/// Calls the handler once more with a record, as soon as that may be. `None` is a success.
async fn call_again(
    handler: &dyn Run,
    (chunk, work): (&Arc<Chunk>, &Arc<Work>),
    (index, attempt): (u32, u32),
    permit: &mut Permit,
) -> ControlFlow<(), Option<Result<Outcome, Failure>>> {
    let (sink, next, end) = (InOrder { work }, index, index + 1);
    let mut turn = Turn { chunk, next, end, attempt, at_once: true, sink: &sink };
    loop {
        match handler.run(&mut turn).await {
            Some(called) => return ControlFlow::Continue(Some(called.result)),
            None if turn.next == turn.end => return ControlFlow::Continue(None),
            None => wait(work, permit).await?,
        }
    }
}

/// Waits until a call may begin, and lets others call meanwhile. Broken off when the partition has ended.
async fn wait(work: &Work, permit: &mut Permit) -> ControlFlow<()> {
    permit.give_back();
    work.may_begin().await;
    if !work.assignment.is_live() {
        return ControlFlow::Break(());
    }
    permit.take(&work.assignment).await
}

/// Waits before another attempt. Broken off when the partition has ended.
pub(crate) async fn pause(work: &Work, delay: Duration) -> ControlFlow<()> {
    tokio::select! {
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

/// Takes the results of calls that are made one after the other.
struct InOrder<'a> {
    work: &'a Arc<Work>,
}

impl Sink for InOrder<'_> {
    fn proceed(&self, index: u32) -> Step {
        if self.work.begin(index) { Step::Call } else { Step::Halt }
    }

    fn settle(&self, index: u32, outcome: Outcome) -> Option<Outcome> {
        settle_now(self.work, index, outcome)
    }
}
