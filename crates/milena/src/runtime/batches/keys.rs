use super::Entry;
use crate::{
    runtime::assignment::Assignment,
    subscriber::{NullKeys, Order},
};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use milena_core::{
    record::{Epoch, TopicPartition},
    transport::BoxFuture,
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    mem,
    sync::Arc,
};

/// The keys of the batches that run, and the records that waited for one of them.
///
/// What waits for a key is older than all of that key that does not. A key is known by its hash: two that
/// have the same wait for each other, which does no harm.
#[derive(Default)]
pub(super) struct Keys {
    lines: HashMap<u64, Line>,
    /// Those that do not run any more and still have records, in the order in which they ended.
    due: VecDeque<u64>,
    newest: Newest,
    /// The partitions of which something waits, or may come to, until they have ended.
    endings: FuturesUnordered<BoxFuture<'static, ()>>,
    hasher: RandomState,
}

/// The last record of each partition that a batch was begun with, and its assignment.
type Newest = HashMap<TopicPartition, (Epoch, i64)>;

/// What waits for a key, in the order of its partition.
#[derive(Default)]
struct Line {
    runs: bool,
    waiting: VecDeque<Entry>,
}

impl Keys {
    /// What a record must not be in work beside, if there is such a thing.
    pub(super) fn of(&self, place: (&str, i32), key: Option<&[u8]>, order: Order) -> Option<u64> {
        let counts = match order {
            Order::Key { null_keys: NullKeys::InOrder, .. } => true,
            Order::Key { null_keys: NullKeys::Free, .. } => key.is_some(),
            Order::Partition | Order::Free { .. } => false,
        };
        counts.then(|| self.hasher.hash_one((place, key)))
    }

    /// Whether the record has to wait behind others of its key.
    pub(super) fn keep(&mut self, entry: &Entry) -> bool {
        let Some(line) = entry.key.and_then(|key| self.lines.get_mut(&key)) else { return false };
        line.drop_ended(&self.newest);
        line.runs || !line.waiting.is_empty()
    }

    /// Puts a record that has to wait behind the others of its key.
    pub(super) fn add(&mut self, mut entry: Entry) {
        entry.busy = Some(entry.assignment().busy());
        if let Some(line) = entry.key.and_then(|key| self.lines.get_mut(&key)) {
            line.waiting.push_back(entry);
        }
    }

    /// How many records there are that waited and may be in a batch now, so many at most, and when the first
    /// of them was received.
    pub(super) fn due(&mut self, most: usize) -> Due {
        let (lines, newest) = (&mut self.lines, &self.newest);
        self.due.retain(|key| {
            let line = lines.get_mut(key);
            line.is_some_and(|line| {
                line.drop_ended(newest);
                !line.waiting.is_empty()
            })
        });
        let mut due = Due { keys: Vec::new(), records: 0, is_owed: false };
        for key in &self.due {
            let waiting = &lines[key].waiting;
            if due.records == most || !waiting[0].may_begin() {
                continue;
            }
            let count = waiting.len().min(most - due.records);
            due.is_owed |= waiting[0].overtaken;
            due.records += count;
            due.keys.push((*key, count));
        }
        due
    }

    /// Those of them that are overtaken.
    pub(super) fn owed(&mut self, most: usize) -> Due {
        let mut due = self.due(most);
        due.keys.retain(|(key, _)| self.lines[key].waiting[0].overtaken);
        due.records = due.keys.iter().map(|(_, count)| count).sum();
        due
    }

    /// The first of these, if there is one.
    pub(super) fn first(&self, due: &Due) -> Option<&Entry> {
        due.keys.first().and_then(|(key, _)| self.lines[key].waiting.front())
    }

    /// Takes these out.
    pub(super) fn take(&mut self, due: &Due) -> Vec<Entry> {
        let mut taken = Vec::with_capacity(due.records);
        for (key, count) in &due.keys {
            self.due.retain(|other| other != key);
            if let Some(line) = self.lines.get_mut(key) {
                taken.extend(line.waiting.drain(..count));
            }
        }
        taken
    }

    /// A partition of which something would be due if it went on.
    pub(super) fn blocked(&self) -> Option<&Arc<Assignment>> {
        let mut due = self.due.iter().filter_map(|key| self.lines.get(key)?.waiting.front());
        due.find(|first| !first.may_begin()).map(Entry::assignment)
    }

    /// The keys of these records are in work from now on; gives back what is to be freed at the end.
    pub(super) fn begin(&mut self, batch: &[Entry]) -> Vec<u64> {
        let mut keys = Vec::new();
        for key in batch.iter().filter_map(|entry| entry.key) {
            // No other batch has it in work, or it would have waited.
            if !mem::replace(&mut self.lines.entry(key).or_default().runs, true) {
                keys.push(key);
            }
        }
        // Where nothing waits, and nothing comes to, nothing is overtaken.
        if !self.lines.is_empty() {
            let same = |one: &Entry, next: &Entry| Arc::ptr_eq(one.assignment(), next.assignment());
            batch.chunk_by(same).for_each(|entries| self.called(entries));
        }
        keys
    }

    /// A batch is begun with these records of a partition.
    fn called(&mut self, entries: &[Entry]) {
        let (assignment, last) = (entries[0].assignment(), entries.iter().map(Entry::offset).max());
        let (epoch, last) = (assignment.epoch, last.unwrap_or(-1));
        match self.newest.get_mut(&assignment.place) {
            Some((same, newest)) if *same == epoch => *newest = last.max(*newest),
            _ => {
                self.newest.insert(assignment.place.clone(), (epoch, last));
                let assignment = assignment.clone();
                self.endings.push(Box::pin(async move { assignment.ended().await }));
            }
        }
    }

    /// Waits until a partition ends. What waits of it, and is not overtaken, waits no more.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn partition_ends(&mut self) {
        if self.endings.is_empty() {
            std::future::pending::<()>().await;
        }
        self.endings.next().await;
        let newest = &self.newest;
        self.lines.retain(|_, line| {
            line.drop_ended(newest);
            line.runs || !line.waiting.is_empty()
        });
    }

    /// What waits for these is not overtaken: a record before it was given up.
    pub(super) fn give_up(&mut self, keys: &HashSet<u64>) {
        for key in keys {
            if let Some(line) = self.lines.get_mut(key) {
                line.waiting.retain(Entry::is_live);
            }
        }
    }

    /// The batch with these keys has ended.
    pub(super) fn free(&mut self, keys: &[u64]) {
        for key in keys {
            let Some(line) = self.lines.get_mut(key) else { continue };
            line.runs = false;
            line.drop_ended(&self.newest);
            if line.waiting.is_empty() {
                self.lines.remove(key);
            } else {
                self.due.push_back(*key);
            }
        }
    }

    /// The first of its key waits again.
    pub(super) fn put_back(&mut self, key: u64, mut entry: Entry) {
        entry.busy.get_or_insert_with(|| entry.load.work.assignment.busy());
        self.lines.entry(key).or_default().waiting.push_front(entry);
        if !self.due.contains(&key) {
            self.due.push_front(key);
        }
    }
}

/// The records that waited and may be in a batch now: of each key so many.
pub(super) struct Due {
    keys: Vec<(u64, usize)>,
    pub(super) records: usize,
    /// Whether their partition waits for them to be handed over.
    pub(super) is_owed: bool,
}

impl Line {
    /// Takes out what waits of a partition that has ended: nobody is to wait for it when the partition
    /// comes again. What is overtaken is still worked on.
    fn drop_ended(&mut self, newest: &Newest) {
        if self.waiting.front().is_none_or(Entry::is_live) {
            return;
        }
        for entry in &mut self.waiting {
            let assignment = entry.assignment();
            let newest = newest.get(&assignment.place);
            entry.overtaken = !assignment.is_live()
                && newest.is_some_and(|(epoch, newest)| {
                    *epoch == assignment.epoch && entry.offset() < *newest
                });
        }
        self.waiting.retain(Entry::is_wanted);
    }
}
