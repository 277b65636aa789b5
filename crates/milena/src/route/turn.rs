use super::{Failure, caught, caught_in};
use crate::publishing::Outbox;
use futures_util::future::BoxFuture;
use milena_core::{
    handler::Outcome,
    record::{Chunk, Record},
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

/// A stretch of a chunk to call a handler with.
pub(crate) struct Turn<'a> {
    pub(crate) chunk: &'a Arc<Chunk>,
    /// The first record that the handler was not called with.
    pub(crate) next: u32,
    pub(crate) end: u32,
    /// How many calls were begun.
    pub(crate) calls: u32,
    pub(crate) attempt: u32,
    /// Whether calls are made at once, on the task of the lane, for as long as they are ready.
    pub(crate) at_once: bool,
    /// Where what a call publishes is kept, if it is not published at once.
    pub(crate) outbox: Option<Outbox>,
    pub(crate) sink: &'a dyn Sink,
}

/// Where the results of a turn go.
pub(crate) trait Sink: Sync {
    /// Whether the handler may be called with the record at this place.
    fn proceed(&self, index: u32) -> Step;

    /// Settles the record at this place, or gives the outcome back when that takes more than a moment.
    fn settle(&self, index: u32, outcome: Outcome) -> Option<Outcome>;
}

/// What is to be done with the next record of a turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// The handler is called with it.
    Call,
    /// It is called with it later, by somebody else.
    Pass,
    /// Nothing, and nothing with those behind it.
    Halt,
}

/// Where a turn stopped whose calls are made side by side.
pub(crate) enum Spread {
    /// A call has ended, and is not simply a success.
    Ended(Called),
    /// A call has begun, and goes on beside the others.
    Begun(u32, BoxFuture<'static, Result<Outcome, Failure>>),
    /// A call is to begin beside the others.
    Due(u32, BoxFuture<'static, Result<Outcome, Failure>>),
}

impl Spread {
    /// The place of the record that it is about.
    pub(crate) fn index(&self) -> u32 {
        match self {
            Self::Ended(called) => called.index,
            Self::Begun(index, _) | Self::Due(index, _) => *index,
        }
    }
}

/// A call whose end is not simply a success.
pub(crate) struct Called {
    pub(crate) index: u32,
    pub(crate) result: Result<Outcome, Failure>,
}

/// One call of a handler with one record.
pub(super) trait Attempt: Send {
    fn attempt(&mut self, record: &Record)
    -> impl Future<Output = Result<Outcome, Failure>> + Send;
}

impl Turn<'_> {
    /// Calls the handler with each record in turn, and lets other tasks run now and then.
    pub(super) async fn drive(&mut self, mut handler: impl Attempt) -> Option<Called> {
        let mut record = Record::new(self.chunk.clone(), self.next).with_attempt(self.attempt);
        while let Some(index) = self.proceed() {
            record.move_to(index);
            let result = match self.outbox {
                None => caught(handler.attempt(&record)).await,
                Some(outbox) => caught_in(outbox, handler.attempt(&record)).await,
            };
            let result = match result {
                Ok(outcome) => self.sink.settle(index, outcome).map(Ok),
                Err(failure) => Some(Err(failure)),
            };
            if let Some(result) = result {
                return Some(Called { index, result });
            }
            // A budget unit for four records costs little, and a ready handler still yields in time.
            if index % 4 == 3 {
                tokio::task::coop::consume_budget().await;
            }
        }
        None
    }

    /// The next record that the handler is called with.
    fn proceed(&mut self) -> Option<u32> {
        while self.next < self.end {
            let index = self.next;
            let step = self.sink.proceed(index);
            self.next += u32::from(step != Step::Halt);
            match step {
                Step::Call => {
                    self.calls += 1;
                    return Some(index);
                }
                Step::Pass => {}
                Step::Halt => return None,
            }
        }
        None
    }

    /// Calls the handler with each record in turn, as far as the calls are ready at once. They share an
    /// allocation, which the first that is not ready takes with it.
    pub(super) fn spread<F>(
        &mut self,
        cx: &mut task::Context<'_>,
        call: impl Fn(Record) -> F,
    ) -> Option<Spread>
    where
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        let first = Record::new(self.chunk.clone(), self.next).with_attempt(self.attempt);
        let record = |index| {
            let mut record = first.clone();
            record.move_to(index);
            record
        };
        match self.outbox {
            None => self.spread_over(cx, |index| caught(call(record(index)))),
            Some(outbox) => self.spread_over(cx, |index| caught_in(outbox, call(record(index)))),
        }
    }

    fn spread_over<F>(
        &mut self,
        cx: &mut task::Context<'_>,
        make: impl Fn(u32) -> F,
    ) -> Option<Spread>
    where
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        let mut place = None;
        while let Some(index) = self.proceed() {
            let mut future = occupy(place.take(), || make(index));
            if !self.at_once {
                return Some(Spread::Due(index, future));
            }
            let Poll::Ready(result) = future.as_mut().poll(cx) else {
                return Some(Spread::Begun(index, future));
            };
            let left = match result {
                Ok(outcome) => self.sink.settle(index, outcome).map(Ok),
                Err(failure) => Some(Err(failure)),
            };
            if let Some(result) = left {
                return Some(Spread::Ended(Called { index, result }));
            }
            place = Some(future);
        }
        None
    }
}

/// The future, in the place of one that has ended if there is one.
fn occupy<F>(place: Option<Pin<Box<F>>>, make: impl FnOnce() -> F) -> Pin<Box<F>> {
    match place {
        None => Box::pin(make()),
        Some(mut place) => {
            place.set(make());
            place
        }
    }
}
