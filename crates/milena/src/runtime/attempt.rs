use super::{
    Work,
    replies::publish_now,
    settle::{Item, Next, settle},
};
use crate::route::{Called, Failure, Run, Sink, Turn};
use milena_core::{
    handler::{Decision, Outcome},
    record::Chunk,
};
use std::{ops::ControlFlow, sync::Arc, time::Duration};

/// Calls a handler with the records of a chunk, each until it is settled. Broken off when the
/// partition has ended, or the service is to stop.
pub(crate) async fn run_chunk(
    handler: &dyn Run,
    chunk: &Arc<Chunk>,
    work: &Arc<Work>,
) -> ControlFlow<()> {
    let sink = InOrder { work };
    let mut turn = Turn { chunk, next: 0, end: work.len() as u32, attempt: 1, sink: &sink };
    while turn.next < turn.end {
        match handler.run(&mut turn).await {
            Some(called) => conclude(handler, chunk, work, called).await?,
            None if !work.assignment.is_live() => return ControlFlow::Break(()),
            None => work.may_begin().await,
        }
    }
    ControlFlow::Continue(())
}

/// Brings a record to its end whose first call was not simply a success.
async fn conclude(
    handler: &dyn Run,
    chunk: &Arc<Chunk>,
    work: &Arc<Work>,
    called: Called,
) -> ControlFlow<()> {
    let item = [Item { work: work.clone(), index: called.index }];
    let (mut result, mut attempt) = (called.result, 1);
    loop {
        match settle(&item, attempt, result).await {
            Next::Onward => return ControlFlow::Continue(()),
            Next::Stop => return ControlFlow::Break(()),
            Next::Again(delay) => pause(work, delay).await?,
        }
        attempt += 1;
        work.retried(called.index, attempt);
        result = match call_again(handler, chunk, work, (called.index, attempt)).await? {
            Some(result) => result,
            None => return ControlFlow::Continue(()),
        };
    }
}

/// Calls the handler once more with a record, as soon as that may be. `None` is a success.
async fn call_again(
    handler: &dyn Run,
    chunk: &Arc<Chunk>,
    work: &Arc<Work>,
    (index, attempt): (u32, u32),
) -> ControlFlow<(), Option<Result<Outcome, Failure>>> {
    let sink = InOrder { work };
    let mut turn = Turn { chunk, next: index, end: index + 1, attempt, sink: &sink };
    loop {
        match handler.run(&mut turn).await {
            Some(called) => return ControlFlow::Continue(Some(called.result)),
            None if turn.next == turn.end => return ControlFlow::Continue(None),
            None if !work.assignment.is_live() => return ControlFlow::Break(()),
            None => work.may_begin().await,
        }
    }
}

/// Waits before another attempt. Broken off when the partition has ended.
pub(crate) async fn pause(work: &Work, delay: Duration) -> ControlFlow<()> {
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        () = work.assignment.ended() => {}
    }
    if work.assignment.is_live() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Takes the results of calls that are made one after the other.
struct InOrder<'a> {
    work: &'a Arc<Work>,
}

impl Sink for InOrder<'_> {
    fn proceed(&self, index: u32) -> bool {
        self.work.begin(index)
    }

    fn settle(&self, index: u32, mut outcome: Outcome) -> Option<Outcome> {
        if outcome.decision != Decision::Done || self.work.acks.in_use() {
            return Some(outcome);
        }
        if !outcome.records.is_empty() {
            outcome.records = publish_now(self.work, index, outcome.records);
            if !outcome.records.is_empty() {
                return Some(outcome);
            }
        }
        self.work.release(index);
        None
    }
}
