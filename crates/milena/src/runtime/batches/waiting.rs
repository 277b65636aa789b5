use super::{
    Entry,
    keys::{Due, Keys},
};
use crate::{
    runtime::{assignment::Assignment, lanes::Load},
    subscriber::{Batching, Order},
};
use std::{
    collections::{HashSet, VecDeque},
    mem::take,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep_until},
};

/// A time that is not waited for.
const IDLE: Duration = Duration::from_secs(3600);

/// The records that wait for a batch, in order.
pub(super) struct Waiting {
    loads: UnboundedReceiver<Load>,
    entries: VecDeque<Entry>,
    batching: Batching,
    order: Order,
    /// Where keys have an order: those of the batches that run, and what waits for them.
    keys: Keys,
}

impl Waiting {
    pub(super) fn new(loads: UnboundedReceiver<Load>, batching: Batching, order: Order) -> Self {
        let (entries, keys) = (VecDeque::new(), Keys::default());
        Self { loads, entries, batching, order, keys }
    }

    /// The records of the next batch, in order; `None` when there will be no more.
    ///
    /// # Cancel safety
    ///
    /// No record is lost when it is dropped.
    pub(super) async fn next_batch(&mut self) -> Option<Vec<Entry>> {
        loop {
            self.entries.retain(Entry::is_live);
            let ready = self.ready(self.batching.max_records);
            let complete = self.received(&ready).map(|at| at + self.batching.max_wait);
            if ready.len() >= self.batching.max_records
                || ready.due.is_owed
                || complete.is_some_and(|complete| Instant::now() >= complete)
            {
                return Some(self.take(&ready));
            }
            let (blocked, idle) = (self.blocked(&ready), Instant::now() + IDLE);
            // Partitions end once each, and what a lane holds is bounded; all else is looked at above each time.
            tokio::select! {
                biased;
                () = self.keys.partition_ends() => {}
                load = self.loads.recv() => self.add(load?),
                () = unblocked(&blocked), if blocked.is_some() => {}
                () = sleep_until(complete.unwrap_or(idle)), if complete.is_some() => {}
            }
        }
    }

    /// Records that their partitions wait for to be handed over.
    pub(super) fn owed(&mut self) -> Option<Vec<Entry>> {
        let due = self.keys.owed(self.batching.max_records);
        due.is_owed.then(|| self.keys.take(&due))
    }

    /// Waits until a partition ends of which something waits for its key.
    pub(super) async fn partition_ends(&mut self) {
        self.keys.partition_ends().await;
    }

    /// A partition of which something waits for more than its batch.
    fn blocked(&self, ready: &Ready) -> Option<Arc<Assignment>> {
        let mut entries = self.entries.iter().filter(|_| ready.places.len() < self.entries.len());
        let blocked = entries.find(|entry| !entry.assignment().proceeds()).map(Entry::assignment);
        blocked.or_else(|| self.keys.blocked()).cloned()
    }

    /// The keys of these are in work from now on; gives back what is to be freed at the end.
    pub(super) fn hold(&mut self, batch: &[Entry]) -> Vec<u64> {
        self.keys.begin(batch)
    }

    /// The batch with these keys has ended, and gave some of them up.
    pub(super) fn free(&mut self, keys: &[u64], given_up: &HashSet<u64>) {
        self.keys.give_up(given_up);
        self.keys.free(keys);
    }

    /// These are to be in a batch before all others.
    pub(super) fn put_back(&mut self, entries: Vec<Entry>) {
        for entry in entries.into_iter().rev() {
            match entry.key {
                Some(key) => self.keys.put_back(key, entry),
                None => self.entries.push_front(entry),
            }
        }
    }

    /// The first records that may be in a batch now. Those that have to wait for their key are put aside,
    /// so that they are not looked at again before it is free.
    fn ready(&mut self, most: usize) -> Ready {
        let (mut places, mut place) = (Vec::with_capacity(most.min(self.entries.len())), 0);
        while places.len() < most && place < self.entries.len() {
            let entry = &self.entries[place];
            if self.keys.keep(entry) {
                if let Some(entry) = self.entries.remove(place) {
                    let [entry] = counted_no_more([entry]);
                    self.keys.add(entry);
                }
                continue;
            }
            if entry.assignment().proceeds() {
                places.push(place);
            }
            place += 1;
        }
        let due = self.keys.due(most);
        places.truncate(most - due.records);
        Ready { due, places }
    }

    /// When the first of them was received.
    fn received(&self, ready: &Ready) -> Option<Instant> {
        let first = ready.places.first().map(|place| &self.entries[*place]);
        self.keys.first(&ready.due).into_iter().chain(first).map(|entry| entry.received).min()
    }

    fn take(&mut self, ready: &Ready) -> Vec<Entry> {
        let (mut batch, places) = (self.keys.take(&ready.due), &ready.places);
        if places.last().is_some_and(|last| last + 1 == places.len()) {
            batch.extend(self.entries.drain(..places.len()));
        } else {
            let due = batch.len();
            batch.extend(places.iter().rev().filter_map(|place| self.entries.remove(*place)));
            batch[due..].reverse();
        }
        counted_no_more(batch)
    }

    fn add(&mut self, load: Load) {
        let (received, load) = (Instant::now(), Arc::new(load));
        let (records, place) = (load.work.records(), &load.work.assignment.place);
        let place = (&*place.topic, place.partition);
        let key = |index: u32| self.keys.of(place, records.key(index as usize), self.order);
        let ordered = matches!(self.order, Order::Key { .. });
        let entry = |index| {
            let key = if ordered { key(index) } else { None };
            let (counted, overtaken, busy) = (true, false, None);
            Entry { load: load.clone(), index, received, key, counted, overtaken, busy }
        };
        self.entries.extend((0..load.work.len() as u32).map(entry));
    }
}

/// The records, which fill no lane any more.
fn counted_no_more<T: AsMut<[Entry]>>(mut entries: T) -> T {
    for same in entries.as_mut().chunk_by_mut(|one, next| Arc::ptr_eq(&one.load, &next.load)) {
        let counted = same.iter_mut().map(|entry| usize::from(take(&mut entry.counted))).sum();
        same[0].load.begun(counted);
    }
    entries
}

/// The records that may be in a batch: those that waited for their key, and the places of others.
struct Ready {
    due: Due,
    places: Vec<usize>,
}

impl Ready {
    fn len(&self) -> usize {
        self.due.records + self.places.len()
    }
}

async fn unblocked(blocked: &Option<Arc<Assignment>>) {
    if let Some(assignment) = blocked {
        assignment.unblocked().await;
    }
}
