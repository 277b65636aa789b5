use super::Entry;
use crate::{
    publishing::Outbox,
    route::{Failure, Route},
    runtime::{
        assignment::{Assignment, Busy},
        permit::Permit,
        settle::{Next, settle},
    },
};
use futures_util::future::select_all;
use milena_core::{handler::Delivery, record::Record};
use std::{collections::HashSet, ops::ControlFlow, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// The records of a call, and what says that it runs.
pub(super) struct Batch {
    entries: Vec<Entry>,
    busy: Vec<Busy>,
    /// The keys of records that it did not come to an end with: those behind them are not to be begun.
    given_up: HashSet<u64>,
}

impl Batch {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let busy = assignments(&entries).map(Assignment::busy).collect();
        Self { entries, busy, given_up: HashSet::new() }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Waits for a place. Broken off when the partition of the first record has ended.
    pub(super) async fn await_place(&self, permit: &mut Permit) -> ControlFlow<()> {
        match self.entries.first() {
            Some(first) if first.overtaken => permit.take_owed(first.assignment()).await,
            Some(first) => permit.take(first.assignment()).await,
            None => ControlFlow::Break(()),
        }
    }

    /// Calls the handler until every record is settled, and says which keys were given up before. Broken
    /// off when the service is to stop.
    pub(super) async fn run(
        mut self,
        route: &Route,
        permit: &mut Permit,
    ) -> (ControlFlow<()>, HashSet<u64>) {
        let flow = self.conclude(route, permit).await;
        if flow.is_break() {
            self.give_up(|_| false);
        }
        (flow, self.given_up)
    }

    async fn conclude(&mut self, route: &Route, permit: &mut Permit) -> ControlFlow<()> {
        let mut attempt = 1;
        loop {
            self.drop_ended();
            if self.entries.is_empty() {
                return ControlFlow::Continue(());
            }
            if !self.begin() {
                permit.give_back();
                self.owe_nothing();
                self.may_begin().await;
                self.await_turn(permit).await;
                continue;
            }
            let Some(delay) = self.attempt(route, attempt).await? else {
                return ControlFlow::Continue(());
            };
            permit.give_back();
            self.owe_nothing();
            self.pause(delay).await;
            self.await_turn(permit).await;
            attempt += 1;
            self.entries.iter().for_each(|it| it.load.work.retried(it.index, attempt));
        }
    }

    /// Calls the handler, and says when it is to be called again with what is left, if something is.
    async fn attempt(&mut self, route: &Route, attempt: u32) -> ControlFlow<(), Option<Duration>> {
        let delivery = self.delivery(attempt);
        let began = Instant::now();
        let result = route.attempt_batch(delivery.clone(), self.outbox()).await;
        self.entries
            .first()
            .into_iter()
            .for_each(|it| it.load.work.tally().took(began.elapsed(), 1));
        self.fail_refused(&delivery, attempt).await?;
        if self.entries.is_empty() {
            return ControlFlow::Continue(None);
        }
        let items: Vec<_> = self.entries.iter().map(Entry::item).collect();
        match settle(&items, attempt, result).await {
            Next::Onward => {}
            Next::Again(delay) => return ControlFlow::Continue(Some(delay)),
            Next::SomeAgain(places, delay) => {
                self.keep(&places);
                return ControlFlow::Continue(Some(delay));
            }
            Next::Stop if self.entries.iter().any(Entry::is_live) => return ControlFlow::Break(()),
            Next::Stop => self.give_up(|_| false),
        }
        ControlFlow::Continue(None)
    }

    /// Whether the handler may be called with all of the records. If so, it is now.
    fn begin(&self) -> bool {
        // To the breaker a batch is one call.
        let first = |first: &Entry| match first.overtaken {
            true => first.load.work.begin_owed(first.index),
            false => first.load.work.begin(first.index),
        };
        let begins =
            self.entries.iter().all(Entry::may_begin) && self.entries.first().is_some_and(first);
        if begins {
            self.entries.iter().for_each(|entry| entry.load.work.begun(entry.index));
        }
        begins
    }

    /// Waits until that may be so; a partition that ends meanwhile has waited enough.
    async fn may_begin(&self) {
        let all = async {
            for entry in &self.entries {
                entry.load.work.may_begin().await;
            }
        };
        tokio::select! {
            biased;
            () = all => {}
            () = self.ended() => {}
        }
    }

    /// Takes out what ended before it was counted as running, or between two attempts: it may be somebody
    /// else's already, and is not to keep its partition any longer.
    fn drop_ended(&mut self) {
        if !self.entries.iter().all(Entry::is_wanted) {
            self.give_up(Entry::is_wanted);
            self.busy = assignments(&self.entries).map(Assignment::busy).collect();
        }
    }

    /// Takes out all but these.
    fn give_up(&mut self, but: impl Fn(&Entry) -> bool) {
        let gone = self.entries.iter().filter(|entry| !but(entry));
        self.given_up.extend(gone.filter_map(|entry| entry.key));
        self.entries.retain(but);
    }

    /// What cannot be called with at once keeps no partition from being handed over.
    fn owe_nothing(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.overtaken = false);
    }

    /// Goes on with the records at these places; the others are settled, and keep their partitions no longer.
    fn keep(&mut self, places: &[usize]) {
        let mut place = 0..;
        self.entries.retain(|_| place.next().is_some_and(|place| places.contains(&place)));
        self.busy = assignments(&self.entries).map(Assignment::busy).collect();
    }

    fn outbox(&self) -> Option<Outbox> {
        self.entries.first().and_then(|entry| entry.load.work.subscription.outbox)
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
            entry.load.work.tally().failures.of(&failure).add(1);
            entry.item().fail(attempt, &failure).await?;
        }
        ControlFlow::Continue(())
    }

    /// Waits until the records of a partition that has not ended may be called with again.
    async fn await_turn(&self, permit: &mut Permit) {
        for entry in self.entries.iter().filter(|entry| entry.is_live()) {
            if permit.take(entry.assignment()).await.is_continue() {
                return;
            }
        }
    }

    /// Waits before another attempt; a partition that ends meanwhile has waited enough.
    async fn pause(&self, delay: Duration) {
        tokio::select! {
            biased;
            () = sleep(delay) => {}
            () = self.ended() => {}
        }
    }

    /// Waits until a partition of it has ended.
    async fn ended(&self) {
        let ended = assignments(&self.entries).map(|assignment| Box::pin(assignment.ended()));
        select_all(ended).await;
    }
}

/// The assignments of these records; one may come more than once, but not twice in a row.
fn assignments(entries: &[Entry]) -> impl Iterator<Item = &Arc<Assignment>> {
    entries
        .chunk_by(|one, next| Arc::ptr_eq(one.assignment(), next.assignment()))
        .map(|same| same[0].assignment())
}
