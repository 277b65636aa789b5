use super::Entry;
use crate::subscriber::{NullKeys, Order};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
};

/// The keys of the batches that run, and the records that wait for them.
///
/// A key is known by its hash: two that have the same wait for each other, which does no harm.
#[derive(Default)]
pub(super) struct Keys {
    lines: HashMap<u64, Line>,
    hasher: RandomState,
}

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

    /// Whether the record has to wait for others of its key.
    pub(super) fn keep(&self, entry: &Entry) -> bool {
        let Some(line) = entry.key.and_then(|key| self.lines.get(&key)) else { return false };
        line.runs || line.waiting.front().is_some_and(|first| first.offset() < entry.offset())
    }

    /// Puts a record that has to wait in its place.
    pub(super) fn add(&mut self, entry: Entry) {
        let Some(key) = entry.key else { return };
        let waiting = &mut self.lines.entry(key).or_default().waiting;
        let place = waiting.partition_point(|other| other.offset() < entry.offset());
        waiting.insert(place, entry);
    }

    /// The keys of these records are in work from now on; gives back what is to be freed at the end.
    pub(super) fn begin(&mut self, batch: &[Entry]) -> HashSet<u64> {
        let keys: HashSet<_> = batch.iter().filter_map(|entry| entry.key).collect();
        for key in &keys {
            self.lines.entry(*key).or_default().runs = true;
        }
        keys
    }

    /// The batch with these keys has ended: so many records at most of each may be in the next.
    pub(super) fn free(&mut self, keys: &HashSet<u64>, most: usize) -> Vec<Entry> {
        let mut freed = Vec::new();
        for key in keys {
            let Some(line) = self.lines.get_mut(key) else { continue };
            line.runs = false;
            let count = most.min(line.waiting.len());
            freed.extend(line.waiting.drain(..count));
            if line.waiting.is_empty() {
                self.lines.remove(key);
            }
        }
        freed.sort_by_key(|entry| (entry.received, entry.offset()));
        freed
    }
}
