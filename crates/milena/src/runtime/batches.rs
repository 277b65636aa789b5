use super::{
    assignment::{Assignment, Busy},
    lanes::Load,
    settle::{Item, Next, settle},
};
use crate::{
    route::{Failure, Route},
    subscriber::{Batching, Policy},
};
use futures_util::future::select_all;
use milena_core::{handler::Delivery, record::Record};
use std::{collections::VecDeque, ops::ControlFlow, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep, timeout_at},
};

/// Calls a batch handler with the records of a lane, one batch after the other.
pub(crate) async fn run(route: Route, policy: Policy, loads: UnboundedReceiver<Load>) {
    let mut waiting = Waiting { loads, entries: VecDeque::new(), batching: policy.batching };
    while let Some(batch) = waiting.next_batch().await {
        if Batch::new(batch).conclude(&route).await.is_break() {
            return;
        }
    }
}

/// A record that waits for its batch, or is in it.
struct Entry {
    load: Arc<Load>,
    index: u32,
    received: Instant,
}

/// The records that wait for a batch.
struct Waiting {
    loads: UnboundedReceiver<Load>,
    entries: VecDeque<Entry>,
    batching: Batching,
}

impl Waiting {
    /// The records of the next batch, in order; `None` when there will be no more.
    async fn next_batch(&mut self) -> Option<Vec<Entry>> {
        loop {
            self.entries.retain(Entry::is_live);
            let most = self.batching.max_records;
            if self.entries.len() >= most {
                return Some(self.entries.drain(..most).collect());
            }
            let load = match self.entries.front() {
                None => self.loads.recv().await,
                Some(first) => {
                    let complete = first.received + self.batching.max_wait;
                    match timeout_at(complete, self.loads.recv()).await {
                        Ok(load) => load,
                        Err(_) => return Some(self.entries.drain(..).collect()),
                    }
                }
            };
            self.add(load?);
        }
    }

    fn add(&mut self, load: Load) {
        let (received, load) = (Instant::now(), Arc::new(load));
        let entry = |index| Entry { load: load.clone(), index, received };
        self.entries.extend((0..load.work.len() as u32).map(entry));
    }
}

impl Entry {
    fn is_live(&self) -> bool {
        self.assignment().is_live()
    }

    fn assignment(&self) -> &Arc<Assignment> {
        &self.load.work.assignment
    }

    fn item(&self) -> Item {
        Item { work: self.load.work.clone(), index: self.index }
    }
}

/// The records of a call, and what says that it runs.
struct Batch {
    entries: Vec<Entry>,
    _busy: Vec<Busy>,
}

impl Batch {
    fn new(entries: Vec<Entry>) -> Self {
        let busy = assignments(&entries).map(Assignment::busy).collect();
        Self { entries, _busy: busy }
    }

    /// Calls the handler until every record is settled. Broken off when the service is to stop.
    async fn conclude(mut self, route: &Route) -> ControlFlow<()> {
        let mut attempt = 1;
        loop {
            // What ended before it was counted as running may be somebody else's already.
            self.entries.retain(Entry::is_live);
            if self.entries.is_empty() {
                return ControlFlow::Continue(());
            }
            if !self.begin() {
                self.may_begin().await;
                continue;
            }
            let delivery = self.delivery(attempt);
            let result = route.attempt_batch(delivery.clone()).await;
            self.fail_refused(&delivery, attempt).await?;
            let items: Vec<_> = self.entries.iter().map(Entry::item).collect();
            match settle(&items, attempt, result).await {
                Next::Again(delay) => self.pause(delay).await,
                Next::Stop if self.entries.iter().any(Entry::is_live) => {
                    return ControlFlow::Break(());
                }
                Next::Onward | Next::Stop => return ControlFlow::Continue(()),
            }
            attempt += 1;
            self.entries.iter().for_each(|it| it.load.work.retried(it.index, attempt));
        }
    }

    /// Whether the handler may be called with all of the records. If so, it is now.
    fn begin(&self) -> bool {
        self.entries.iter().all(|entry| entry.load.work.begin(entry.index))
    }

    /// Waits until that may be so; a partition that ends meanwhile has waited enough.
    async fn may_begin(&self) {
        for assignment in assignments(&self.entries) {
            assignment.unblocked().await;
        }
    }

    fn delivery(&self, attempt: u32) -> Delivery {
        let record = |entry: &Entry| {
            Record::new(entry.load.chunk.clone(), entry.index).with_attempt(attempt)
        };
        Delivery::batch(self.entries.iter().map(record))
    }

    /// Takes out the records that could not be decoded: each fails alone.
    async fn fail_refused(&mut self, delivery: &Delivery, attempt: u32) -> ControlFlow<()> {
        let mut refused = delivery.take_refused();
        // From behind, so that taking one out does not move those that are still to come.
        refused.sort_unstable_by_key(|(index, _)| std::cmp::Reverse(*index));
        refused.dedup_by_key(|(index, _)| *index);
        let mut failures = Vec::with_capacity(refused.len());
        for (index, why) in refused {
            failures.push((self.entries.remove(index), Failure::Refused(why)));
        }
        for (entry, failure) in failures.into_iter().rev() {
            entry.item().fail(attempt, &failure).await?;
        }
        ControlFlow::Continue(())
    }

    /// Waits before another attempt; a partition that ends meanwhile has waited enough.
    async fn pause(&self, delay: Duration) {
        let ended = assignments(&self.entries).map(|assignment| Box::pin(assignment.ended()));
        tokio::select! {
            () = sleep(delay) => {}
            _ = select_all(ended) => {}
        }
    }
}

/// The assignments of these records; one may come more than once, but not twice in a row.
fn assignments(entries: &[Entry]) -> impl Iterator<Item = &Arc<Assignment>> {
    entries
        .chunk_by(|one, next| Arc::ptr_eq(one.assignment(), next.assignment()))
        .map(|same| same[0].assignment())
}
