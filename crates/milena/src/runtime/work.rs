use super::{Assignment, Note, Subscription, acks, acks::Acks, settle};
use milena_core::{
    error::Error,
    record::{Chunk, Context, Extensions, Hold, Records},
    transport::{BoxFuture, Delivered, Receipt, Receive},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, AtomicUsize, Ordering::AcqRel, Ordering::Acquire},
    },
};

/// A chunk in work for a subscription: which of its records are settled, and what the others wait for.
pub(crate) struct Work {
    pub(crate) assignment: Arc<Assignment>,
    pub(crate) subscription: Arc<Subscription>,
    pub(crate) acks: Acks,
    records: Arc<dyn Records>,
    this: Weak<Self>,
    /// For each record, why it is not settled: its call has not ended, a reply or dead letter of it
    /// is not at the broker, an `Ack` of it is out. At zero it is settled.
    holds: Box<[AtomicU32]>,
    unsettled: AtomicUsize,
    /// The last attempt with each record that was tried again.
    retried: Mutex<HashMap<u32, u32>>,
}

impl Work {
    pub(crate) fn new(
        chunk: &Chunk,
        assignment: Arc<Assignment>,
        subscription: Arc<Subscription>,
    ) -> Arc<Self> {
        let len = chunk.len();
        Arc::new_cyclic(|this| Self {
            assignment,
            subscription,
            acks: Acks::default(),
            records: chunk.records().clone(),
            this: this.clone(),
            holds: std::iter::repeat_with(|| AtomicU32::new(1)).take(len).collect(),
            unsettled: AtomicUsize::new(len),
            retried: Mutex::default(),
        })
    }

    /// The records as extractors see them.
    pub(crate) fn chunk(
        self: &Arc<Self>,
        chunk: &Chunk,
        extensions: &Arc<Extensions>,
    ) -> Arc<Chunk> {
        Arc::new(chunk.in_context(Context::new(extensions.clone(), self.clone())))
    }

    pub(crate) fn records(&self) -> &dyn Records {
        &*self.records
    }

    pub(crate) fn len(&self) -> usize {
        self.holds.len()
    }

    pub(crate) fn offset(&self, index: usize) -> i64 {
        self.records.offset(index)
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
            self.assignment.note(Note::Settled(
                self.assignment.place.clone(),
                self.assignment.epoch,
                self.len(),
            ));
        }
    }
}

/// What the replies of a record come back to; the token says which record it was, and how large the reply.
impl Receive for Work {
    fn receive(&self, token: u64, result: Result<Delivered, Error>) {
        self.subscription.budget.give((token >> 32) as usize);
        let index = (token & u64::from(u32::MAX)) as u32;
        match result {
            Ok(_) => self.release(index),
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
    pub(crate) fn receipt(self: &Arc<Self>, index: u32, bytes: usize) -> Receipt {
        self.hold(index);
        self.assignment.begin();
        Receipt::new(self.clone(), (bytes as u64) << 32 | u64::from(index))
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
