use super::{
    Assignment, BreakerState, Note, Subscription, acks,
    acks::Acks,
    answers,
    counters::{Counter, Tally},
    once::Outputs,
    settle,
};
use milena_core::{
    error::Error,
    record::{Chunk, Context, Extensions, Hold, Records},
    transport::{BoxFuture, Delivered, Receipt, Receive},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicU32, AtomicUsize, Ordering::AcqRel, Ordering::Acquire},
    },
    time::Duration,
};
use tokio::time::Instant;

/// A chunk in work for a subscription: which of its records are settled, and what the others wait for.
pub(crate) struct Work {
    pub(crate) assignment: Arc<Assignment>,
    pub(crate) subscription: Arc<Subscription>,
    pub(crate) acks: Acks,
    /// What is to be published in a transaction.
    pub(crate) outputs: Outputs,
    /// The records as they were read.
    chunk: Chunk,
    extensions: Arc<Extensions>,
    /// The place of the first record, as the breaker counts them.
    place: u64,
    this: Weak<Self>,
    /// For each record, why it is not settled: its call has not ended, a reply or dead letter of it
    /// is not at the broker, an `Ack` of it is out. At zero it is settled.
    holds: Box<[AtomicU32]>,
    pub(super) unsettled: AtomicUsize,
    /// Settled records that are not counted as done, and records that the service stops before.
    set_aside: AtomicUsize,
    stopped: AtomicUsize,
    /// How many were counted as done.
    counted: AtomicUsize,
    /// The last attempt with each record that was tried again.
    retried: Mutex<HashMap<u32, u32>>,
    /// When the first call with each record began, if the policy has to know.
    begun: Box<[OnceLock<Instant>]>,
}

impl Work {
    pub(crate) fn new(
        chunk: &Chunk,
        assignment: Arc<Assignment>,
        subscription: Arc<Subscription>,
        extensions: Arc<Extensions>,
    ) -> Arc<Self> {
        let len = chunk.len();
        let timed = if subscription.policy.retry.is_timed() { len } else { 0 };
        let place = subscription.breaker.places(len);
        Arc::new_cyclic(|this| Self {
            place,
            assignment,
            subscription,
            acks: Acks::default(),
            outputs: Outputs::default(),
            chunk: chunk.in_context(Context::default()),
            extensions,
            this: this.clone(),
            holds: std::iter::repeat_with(|| AtomicU32::new(1)).take(len).collect(),
            unsettled: AtomicUsize::new(len),
            set_aside: AtomicUsize::new(0),
            stopped: AtomicUsize::new(0),
            counted: AtomicUsize::new(0),
            retried: Mutex::default(),
            begun: std::iter::repeat_with(OnceLock::new).take(timed).collect(),
        })
    }

    /// The records as extractors see them.
    pub(crate) fn chunk(self: &Arc<Self>) -> Arc<Chunk> {
        Arc::new(self.chunk.in_context(Context::new(self.extensions.clone(), self.clone())))
    }

    pub(crate) fn records(&self) -> &dyn Records {
        &**self.chunk.records()
    }

    pub(crate) fn len(&self) -> usize {
        self.holds.len()
    }

    pub(crate) fn offset(&self, index: usize) -> i64 {
        self.records().offset(index)
    }

    pub(crate) fn is_settled(&self, index: usize) -> bool {
        self.holds[index].load(Acquire) == 0
    }

    /// One more reason why the record is not settled.
    pub(crate) fn hold(&self, index: u32) {
        self.holds[index as usize].fetch_add(1, AcqRel);
    }

    /// One reason less; behind the last one the record is settled.
    pub(crate) fn release(&self, index: u32) {
        if self.holds[index as usize].fetch_sub(1, AcqRel) > 1 {
            return;
        }
        if self.assignment.has_left() {
            self.subscription.counters.late.add(1);
        }
        if self.unsettled.fetch_sub(1, AcqRel) == 1 {
            self.count();
            self.assignment.note(Note::Settled(
                self.assignment.place.clone(),
                self.assignment.epoch,
                self.len(),
            ));
        }
    }
}

/// What becomes of the records, in numbers. What is done is what is settled without the others, and costs nothing.
impl Work {
    /// Settled now, or soon, and not as done.
    pub(crate) fn set_aside(&self, outcome: &Counter) {
        self.set_aside.fetch_add(1, AcqRel);
        // What ends behind the end of the assignment was counted as dropped.
        if !self.assignment.has_left() {
            outcome.add(1);
        }
    }

    /// The service stops before one of the records.
    pub(crate) fn stopped(&self) {
        self.stopped.fetch_add(1, AcqRel);
        self.tally().stopped.add(1);
    }

    /// Counts what is done by now.
    pub(crate) fn count(&self) {
        let done = self.done();
        let before = self.counted.fetch_max(done, AcqRel);
        self.tally().done.add(done.saturating_sub(before));
    }

    /// Counts for the last time: what is not settled was given up.
    pub(crate) fn count_finally(&self) {
        let (done, unsettled) = (self.done(), self.in_flight());
        let before = self.counted.swap(usize::MAX, AcqRel);
        if before < usize::MAX {
            self.tally().done.add(done.saturating_sub(before));
            self.tally().dropped.add(unsettled.saturating_sub(self.stopped.load(Acquire)));
        }
    }

    /// How many are not settled.
    pub(crate) fn in_flight(&self) -> usize {
        self.unsettled.load(Acquire)
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.assignment.tally
    }

    fn done(&self) -> usize {
        let settled = self.len() - self.in_flight();
        settled.saturating_sub(self.set_aside.load(Acquire))
    }
}

/// In the token of a receipt: that it is that of an answer.
const ANSWER: u64 = 1 << 63;

/// What the replies of a record come back to; the token says which record it was, how large the reply, and
/// whether it is an answer.
impl Receive for Work {
    fn receive(&self, token: u64, result: Result<Delivered, Error>) {
        self.subscription.budget.give(((token & !ANSWER) >> 32) as usize);
        let index = (token & u64::from(u32::MAX)) as u32;
        match result {
            Ok(_) => self.release(index),
            Err(error) if token & ANSWER != 0 => {
                answers::refused(self, index, &error);
                self.release(index);
            }
            Err(error) => settle::late_failure(self, index, error),
        }
        self.assignment.idle();
    }
}

impl Hold for Work {
    fn hold(&self, index: u32, attempt: u32) -> Option<Receipt> {
        self.this.upgrade().map(|this| acks::hold(&this, index, attempt))
    }

    fn has_left(&self) -> bool {
        self.assignment.has_left()
    }

    fn left(&self) -> BoxFuture<'static, ()> {
        let assignment = self.assignment.clone();
        Box::pin(async move { assignment.until_left().await })
    }
}

impl Work {
    /// A receipt for a reply of so many bytes, which holds the record at this place until it is back.
    pub(crate) fn receipt(self: &Arc<Self>, index: u32, bytes: usize, is_answer: bool) -> Receipt {
        self.hold(index);
        self.assignment.begin();
        let kind = if is_answer { ANSWER } else { 0 };
        Receipt::new(self.clone(), kind | (bytes as u64) << 32 | u64::from(index))
    }

    /// Whether the handler may be called with the record at this place. If so, it is now.
    pub(crate) fn begin(&self, index: u32) -> bool {
        let begins = self.assignment.proceeds() && self.breaker().allows(self.place(index));
        if begins {
            self.begun(index);
        }
        begins
    }

    /// The same for a record behind which others are done: it is worked on also while its partition is
    /// handed over.
    pub(crate) fn begin_owed(&self, index: u32) -> bool {
        let begins = self.assignment.finishes() && self.breaker().allows(self.place(index));
        if begins {
            self.begun(index);
        }
        begins
    }

    /// The handler is called with the record at this place.
    pub(crate) fn begun(&self, index: u32) {
        if let Some(begun) = self.begun.get(index as usize) {
            begun.get_or_init(Instant::now);
        }
    }

    /// Whether the handler may be called with one of the records, as far as can be said beforehand.
    pub(crate) fn may_begin_now(&self) -> bool {
        self.assignment.proceeds() && self.breaker().may_allow()
    }

    /// Waits until that may be so, or the partition has ended.
    pub(crate) async fn may_begin(&self) {
        self.assignment.unblocked().await;
        tokio::select! {
            biased;
            () = self.breaker().allowed() => {}
            () = self.assignment.ended() => {}
        }
    }

    /// The call with the record at this place ended well, or in a decision that is no failure.
    pub(crate) fn succeeded(&self, index: u32) {
        self.breaker().succeeded(self.place(index));
    }

    /// The record at this place failed for good, and is not in the way of the others.
    pub(crate) fn failed(&self, index: u32, error: &str) {
        let record = || format!("{}/{}", self.assignment.place, self.offset(index as usize));
        self.breaker().failed(self.place(index), record, error);
    }

    fn breaker(&self) -> &BreakerState {
        &self.subscription.breaker
    }

    fn place(&self, index: u32) -> u64 {
        self.place + u64::from(index)
    }

    /// How long ago the first call with the record began, if the policy has to know.
    pub(crate) fn elapsed(&self, index: u32) -> Duration {
        let begun = self.begun.get(index as usize).and_then(OnceLock::get);
        begun.map_or(Duration::ZERO, Instant::elapsed)
    }

    /// The record at this place is tried again.
    pub(crate) fn retried(&self, index: u32, attempt: u32) {
        self.retried.lock().unwrap_or_else(PoisonError::into_inner).insert(index, attempt);
    }

    /// How often the handler was called with the record at this place.
    pub(crate) fn attempts(&self, index: u32) -> u32 {
        let retried = self.retried.lock().unwrap_or_else(PoisonError::into_inner);
        retried.get(&index).copied().unwrap_or(1)
    }

    pub(crate) fn this(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }
}
