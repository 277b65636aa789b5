use super::super::{Budget, Work, settle::Item};
use milena_core::{
    record::{Epoch, TopicPartition},
    reply::ProducerRecord,
};
use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::Ordering::SeqCst},
};

/// What the records of a chunk are to publish in their transaction.
#[derive(Default)]
pub(crate) struct Outputs(Mutex<State>);

#[derive(Default)]
struct State {
    /// Those of single records, each with the place of its record.
    each: Vec<(u32, Output)>,
    /// Those of batches, each with all chunks that it has records of.
    batches: Vec<Arc<Together>>,
}

/// A record that is to be published in a transaction.
pub(crate) struct Output {
    pub(crate) record: ProducerRecord,
    pub(crate) is_dead_letter: bool,
    _room: Room,
}

/// The outputs of several records at once: they are published when all of these are in the transaction.
pub(crate) struct Together {
    pub(crate) spans: Vec<Span>,
    /// Weak, because the chunks hold this.
    items: Vec<(Weak<Work>, u32)>,
    records: Mutex<Vec<Output>>,
}

/// The records of a batch in one partition: the first and the last of them.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) place: TopicPartition,
    pub(crate) epoch: Epoch,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// The place that an output takes.
struct Room {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Outputs {
    pub(crate) fn keep(&self, index: u32, output: Output) {
        self.lock().each.push((index, output));
    }

    fn keep_together(&self, batch: Arc<Together>) {
        self.lock().batches.push(batch);
    }

    /// Takes those of single records before this place, in order.
    pub(crate) fn take(&self, before: u32) -> Vec<(u32, Output)> {
        let each = &mut self.lock().each;
        // Records that are done one after the other are in order already.
        if !each.is_sorted_by_key(|(index, _)| *index) {
            each.sort_by_key(|(index, _)| *index);
        }
        let count = each.partition_point(|(index, _)| *index < before);
        if count == each.len() { mem::take(each) } else { each.drain(..count).collect() }
    }

    /// Takes those of a single record.
    pub(crate) fn take_of(&self, index: u32) -> Vec<(u32, Output)> {
        self.lock().each.extract_if(.., |(at, _)| *at == index).collect()
    }

    /// The batches that were not taken.
    pub(crate) fn batches(&self) -> Vec<Arc<Together>> {
        let mut state = self.lock();
        state.batches.retain(|batch| !batch.is_taken());
        state.batches.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What transactions look at.
impl Work {
    /// How many of its records stand before this offset.
    pub(crate) fn count_before(&self, offset: i64) -> u32 {
        // Most of the time it is all of them.
        if self.offset(self.len() - 1) < offset {
            return self.len() as u32;
        }
        (0..self.len()).take_while(|index| self.offset(*index) < offset).count() as u32
    }

    /// A record that was settled is not, because the broker refused what came of it.
    pub(crate) fn unsettle(&self, index: u32) {
        self.unsettled.fetch_add(1, SeqCst);
        self.hold(index);
    }
}

impl Together {
    /// Where it stands among others: its first partition, and its first record there.
    pub(crate) fn rank(&self) -> Option<(&TopicPartition, i64)> {
        self.spans.first().map(|span| (&span.place, span.first))
    }

    /// Keeps what these records are to publish together.
    pub(crate) fn keep(items: &[Item], outputs: Vec<Output>) {
        let mut spans: Vec<Span> = Vec::new();
        for item in items {
            let (at, offset) = (&item.work.assignment, item.work.offset(item.index as usize));
            match spans.iter_mut().find(|span| span.place == at.place && span.epoch == at.epoch) {
                Some(span) => {
                    (span.first, span.last) = (span.first.min(offset), span.last.max(offset));
                }
                None => {
                    let place = at.place.clone();
                    spans.push(Span { place, epoch: at.epoch, first: offset, last: offset });
                }
            }
        }
        let weak = items.iter().map(|item| (Arc::downgrade(&item.work), item.index)).collect();
        let batch = Arc::new(Self { spans, items: weak, records: Mutex::new(outputs) });
        for same in items.chunk_by(|one, next| Arc::ptr_eq(&one.work, &next.work)) {
            same[0].work.outputs.keep_together(batch.clone());
        }
    }

    /// Takes what they publish, all of it as that of the first record.
    pub(crate) fn take(&self) -> Vec<(u32, Output)> {
        let records = mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner));
        records.into_iter().map(|output| (0, output)).collect()
    }

    /// The records, as far as they are still somebody's.
    pub(crate) fn items(&self) -> Vec<Item> {
        let item = |(work, index): &(Weak<Work>, u32)| {
            work.upgrade().map(|work| Item { work, index: *index })
        };
        self.items.iter().filter_map(item).collect()
    }

    fn is_taken(&self) -> bool {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Output {
    /// A record that is kept, in the budget of its group. It finds a place also where there is none: one that is to be
    /// done first must not wait for those behind it.
    pub(crate) fn new(record: ProducerRecord, is_dead_letter: bool, budget: &Arc<Budget>) -> Self {
        let bytes = record.bytes();
        budget.overdraw(bytes);
        Self { record, is_dead_letter, _room: Room { budget: budget.clone(), bytes } }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}
