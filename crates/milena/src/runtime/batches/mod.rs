//! Batches: which records a call gets, and the call.

mod call;
mod keys;
mod waiting;

use self::{call::Batch, waiting::Waiting};
use super::{
    Subscription,
    assignment::{Assignment, Busy},
    lanes::Load,
    permit::Permits,
    settle::Item,
};
use crate::{route::Route, subscriber::Order};
use std::{collections::HashSet, ops::ControlFlow, panic::resume_unwind, pin::pin, sync::Arc};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::{JoinError, JoinSet},
    time::Instant,
};

/// Calls a batch handler with the records of a lane: one batch after the other, or several at once, as
/// the order of the subscription says.
pub(crate) async fn run(
    route: Route,
    subscription: Arc<Subscription>,
    loads: UnboundedReceiver<Load>,
) {
    let order = subscription.policy.concurrency.0;
    let mut lane = Lane {
        route,
        permits: subscription.permits.clone(),
        waiting: Waiting::new(loads, subscription.policy.batching.clone(), order),
        running: JoinSet::new(),
        one_by_one: order == Order::Partition,
    };
    while lane.turn().await.is_continue() {}
    // What waits for a key is owed where others behind it were begun: it is worked on before the end.
    loop {
        while let Some(owed) = lane.waiting.owed() {
            let _ = lane.begin(owed).await;
        }
        tokio::select! {
            biased;
            () = lane.waiting.partition_ends() => {}
            ended = lane.running.join_next() => match ended {
                Some(ended) => drop(lane.ended(ended)),
                None => break,
            },
        }
    }
}

/// The batches of a lane: those that run, and what waits to be in one.
struct Lane {
    route: Route,
    permits: Permits,
    waiting: Waiting,
    running: JoinSet<Ended>,
    one_by_one: bool,
}

/// How a batch ended.
struct Ended {
    flow: ControlFlow<()>,
    /// The keys that kept records from being in another.
    held: Vec<u64>,
    /// Those of them of which nothing else may begin.
    given_up: HashSet<u64>,
}

impl Lane {
    /// Begins a batch, or waits for what has to come first. Broken off when there is nothing to come, or
    /// the service is to stop.
    async fn turn(&mut self) -> ControlFlow<()> {
        tokio::select! {
            biased;
            // Only so many can end as were begun.
            Some(ended) = self.running.join_next() => self.ended(ended),
            batch = self.waiting.next_batch() => match batch {
                Some(entries) => self.begin(entries).await,
                None => ControlFlow::Break(()),
            },
        }
    }

    async fn begin(&mut self, entries: Vec<Entry>) -> ControlFlow<()> {
        let (mut permit, batch) = (self.permits.permit(), Batch::new(entries));
        let flow = {
            let mut turn = pin!(batch.await_place(&mut permit));
            loop {
                tokio::select! {
                    biased;
                    flow = &mut turn => break flow,
                    () = self.waiting.partition_ends() => {}
                }
            }
        };
        if flow.is_break() {
            // What is left of other partitions is put back where it was.
            self.waiting.put_back(batch.into_entries());
            return ControlFlow::Continue(());
        }
        if self.one_by_one {
            return batch.run(&self.route, &mut permit).await.0;
        }
        let (route, held) = (self.route.clone(), self.waiting.hold(batch.entries()));
        self.running.spawn(async move {
            let (flow, given_up) = batch.run(&route, &mut permit).await;
            Ended { flow, held, given_up }
        });
        ControlFlow::Continue(())
    }

    fn ended(&mut self, ended: Result<Ended, JoinError>) -> ControlFlow<()> {
        match ended {
            Ok(ended) => {
                self.waiting.free(&ended.held, &ended.given_up);
                ended.flow
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => ControlFlow::Break(()),
            },
        }
    }
}

/// A record that waits for its batch, or is in it.
struct Entry {
    load: Arc<Load>,
    index: u32,
    received: Instant,
    /// What it must not be in work beside, if there is such a thing.
    key: Option<u64>,
    /// Whether it is one of those that fill the lane.
    counted: bool,
    /// Whether its partition was ended while it waited for its key, and records behind it were called with.
    overtaken: bool,
    /// What waits for its key keeps its partition from being handed over, until it is known what becomes of it.
    busy: Option<Busy>,
}

impl Entry {
    fn is_live(&self) -> bool {
        self.assignment().is_live()
    }

    /// Whether it is to be worked on. What is overtaken is so also while its partition is handed over:
    /// otherwise the records behind it would be repeated.
    fn is_wanted(&self) -> bool {
        self.is_live() || self.overtaken && self.assignment().finishes()
    }

    /// Whether the handler may be called with it.
    fn may_begin(&self) -> bool {
        self.assignment().proceeds() || self.overtaken && self.assignment().finishes()
    }

    fn assignment(&self) -> &Arc<Assignment> {
        &self.load.work.assignment
    }

    fn offset(&self) -> i64 {
        self.load.work.offset(self.index as usize)
    }

    fn item(&self) -> Item {
        Item { work: self.load.work.clone(), index: self.index }
    }
}
