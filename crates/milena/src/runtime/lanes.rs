use super::{Assignment, Subscription, Work, attempt::run_chunk, batches, side_by_side};
use crate::{
    route::{Run, Runner},
    subscriber::by_partition,
};
use milena_core::record::{Chunk, Extensions};
use std::sync::Arc;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
};

/// A chunk for a lane, as its handler sees it and as its offsets are kept.
pub(crate) struct Load {
    pub(crate) chunk: Arc<Chunk>,
    pub(crate) work: Arc<Work>,
}

/// The way into a lane: a task that works on records one after the other. It ends when this is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Lane(UnboundedSender<Load>);

impl Lane {
    /// Starts a lane for this subscription.
    pub(crate) fn start(subscription: &Arc<Subscription>, tasks: &mut JoinSet<()>) -> Self {
        // What waits in the channel is bounded by the marks of each partition, which is held back above them.
        let (sender, loads) = unbounded_channel();
        match &subscription.runner {
            Runner::Each(handler) if subscription.policy.concurrency == by_partition() => {
                tasks.spawn(one_by_one(handler.clone(), loads))
            }
            Runner::Each(handler) => {
                tasks.spawn(side_by_side::run(handler.clone(), subscription.clone(), loads))
            }
            Runner::Batch(route) => {
                tasks.spawn(batches::run(route.clone(), subscription.clone(), loads))
            }
        };
        Self(sender)
    }

    /// Puts a chunk behind those that wait, and says whether its partition is to be held back from now on.
    pub(crate) fn push(&self, load: Load) -> bool {
        let (assignment, records, bytes) = load.weight();
        let full = assignment.wait_for(records, bytes);
        // A lane that is gone has stopped the service, so nothing is to be done.
        let _ = self.0.send(load);
        full
    }
}

impl Load {
    /// The chunk in work for this subscription.
    pub(crate) fn new(
        chunk: &Chunk,
        assignment: &Arc<Assignment>,
        subscription: &Arc<Subscription>,
        extensions: &Arc<Extensions>,
    ) -> Self {
        let work = Work::new(chunk, assignment.clone(), subscription.clone());
        Self { chunk: work.chunk(chunk, extensions), work }
    }

    /// The assignment that it weighs upon, its records and its bytes.
    fn weight(&self) -> (Arc<Assignment>, usize, usize) {
        (self.work.assignment.clone(), self.work.len(), self.work.records().bytes())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let (assignment, records, bytes) = self.weight();
        assignment.waited_for(records, bytes);
    }
}

async fn one_by_one(handler: Arc<dyn Run>, mut loads: UnboundedReceiver<Load>) {
    while let Some(load) = loads.recv().await {
        let _busy = load.work.assignment.busy();
        if run_chunk(&*handler, &load.chunk, &load.work).await.is_break()
            && load.work.assignment.is_live()
        {
            // The service stops before a record of this partition: nothing behind it is worked on.
            return;
        }
    }
}
