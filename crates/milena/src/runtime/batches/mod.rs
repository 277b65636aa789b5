//! Batches: which records a call gets, and the call.

mod call;
mod keys;
mod waiting;

use self::{call::Batch, waiting::Waiting};
use super::{Subscription, assignment::Assignment, lanes::Load, permit::Permits, settle::Item};
use crate::{route::Route, subscriber::Order};
use std::{collections::HashSet, ops::ControlFlow, panic::resume_unwind, sync::Arc};
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
    while let Some(ended) = lane.running.join_next().await {
        let _ = lane.ended(ended);
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

/// How a batch ended, and the keys that kept records from being in another.
type Ended = (ControlFlow<()>, HashSet<u64>);

impl Lane {
    /// Begins a batch, or waits for what has to come first. Broken off when there is nothing to come, or
    /// the service is to stop.
    async fn turn(&mut self) -> ControlFlow<()> {
        tokio::select! {
            Some(ended) = self.running.join_next() => self.ended(ended),
            batch = self.waiting.next_batch() => match batch {
                Some(entries) => self.begin(entries).await,
                None => ControlFlow::Break(()),
            },
        }
    }

    async fn begin(&mut self, entries: Vec<Entry>) -> ControlFlow<()> {
        let mut permit = self.permits.permit();
        let Some(first) = entries.first() else { return ControlFlow::Continue(()) };
        if permit.take(first.assignment()).await.is_break() {
            // What is left of other partitions is put back where it was.
            self.waiting.put_back(entries);
            return ControlFlow::Continue(());
        }
        if self.one_by_one {
            return Batch::new(entries).conclude(&self.route, &mut permit).await;
        }
        let held = self.waiting.hold(&entries);
        let (route, batch) = (self.route.clone(), Batch::new(entries));
        self.running.spawn(async move {
            let flow = batch.conclude(&route, &mut permit).await;
            (flow, held)
        });
        ControlFlow::Continue(())
    }

    fn ended(&mut self, ended: Result<Ended, JoinError>) -> ControlFlow<()> {
        match ended {
            Ok((flow, held)) => {
                self.waiting.free(&held);
                flow
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
