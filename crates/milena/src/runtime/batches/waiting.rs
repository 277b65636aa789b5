use super::Entry;
use crate::{
    runtime::{assignment::Assignment, lanes::Load},
    subscriber::{Batching, Order},
};
use std::{
    collections::{HashSet, VecDeque},
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
    /// The keys of the batches that run, where keys have an order.
    busy: HashSet<Key>,
}

/// A key in its partition; in a lane of one partition that says nothing more than the key.
type Key = (Arc<str>, i32, Option<Box<[u8]>>);

impl Waiting {
    pub(super) fn new(loads: UnboundedReceiver<Load>, batching: Batching, order: Order) -> Self {
        let (entries, busy) = (VecDeque::new(), HashSet::new());
        Self { loads, entries, batching, order, busy }
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
            let complete = ready.received(&self.entries).map(|at| at + self.batching.max_wait);
            if ready.len() >= self.batching.max_records
                || complete.is_some_and(|complete| Instant::now() >= complete)
            {
                return Some(self.take(&ready));
            }
            let (blocked, idle) = (self.blocked(), Instant::now() + IDLE);
            tokio::select! {
                load = self.loads.recv() => self.add(load?),
                () = sleep_until(complete.unwrap_or(idle)), if complete.is_some() => {}
                () = unblocked(&blocked), if blocked.is_some() => {}
            }
        }
    }

    /// A partition of which something waits for more than its batch.
    fn blocked(&self) -> Option<Arc<Assignment>> {
        let entry = self.entries.iter().find(|entry| !entry.assignment().proceeds())?;
        Some(entry.assignment().clone())
    }

    /// These keys are in work from now on; gives back what is to be freed at the end.
    pub(super) fn hold(&mut self, entries: &[Entry]) -> Vec<Entry> {
        if !matches!(self.order, Order::Key { .. }) {
            return Vec::new();
        }
        self.busy.extend(entries.iter().filter_map(|entry| key(entry, self.order)));
        entries.to_vec()
    }

    /// The batch of these has ended.
    pub(super) fn free(&mut self, entries: &[Entry]) {
        for key in entries.iter().filter_map(|entry| key(entry, self.order)) {
            self.busy.remove(&key);
        }
    }

    /// These are not in a batch after all.
    pub(super) fn put_back(&mut self, entries: Vec<Entry>) {
        for entry in entries.into_iter().rev() {
            self.entries.push_front(entry);
        }
    }

    /// The places of the first records that may be in a batch now.
    fn ready(&self, most: usize) -> Ready {
        let may_begin = |entry: &Entry| {
            entry.assignment().proceeds()
                && (self.busy.is_empty()
                    || key(entry, self.order).is_none_or(|key| !self.busy.contains(&key)))
        };
        let places = self.entries.iter().enumerate().filter(|(_, entry)| may_begin(entry));
        Ready(places.map(|(place, _)| place).take(most).collect())
    }

    fn take(&mut self, ready: &Ready) -> Vec<Entry> {
        if ready.0.last().is_some_and(|last| last + 1 == ready.0.len()) {
            return self.entries.drain(..ready.0.len()).collect();
        }
        let mut batch: Vec<_> =
            ready.0.iter().rev().filter_map(|place| self.entries.remove(*place)).collect();
        batch.reverse();
        batch
    }

    fn add(&mut self, load: Load) {
        let (received, load) = (Instant::now(), Arc::new(load));
        let entry = |index| Entry { load: load.clone(), index, received };
        self.entries.extend((0..load.work.len() as u32).map(entry));
    }
}

/// The places of records that may be in a batch.
struct Ready(Vec<usize>);

impl Ready {
    fn len(&self) -> usize {
        self.0.len()
    }

    /// When the first of them was received.
    fn received(&self, entries: &VecDeque<Entry>) -> Option<Instant> {
        self.0.first().map(|place| entries[*place].received)
    }
}

async fn unblocked(blocked: &Option<Arc<Assignment>>) {
    if let Some(assignment) = blocked {
        assignment.unblocked().await;
    }
}

fn key(entry: &Entry, order: Order) -> Option<Key> {
    let key = entry.key(order)?.map(Into::into);
    let place = &entry.assignment().place;
    Some((place.topic.clone(), place.partition, key))
}
