use super::{
    Assignment, Subscription, Work,
    attempt::{Part, run_all},
    batches,
    permit::Permits,
    side_by_side,
};
use crate::{
    route::{Run, Runner},
    subscriber::by_partition,
};
use milena_core::record::{Chunk, Extensions};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
};

/// A chunk for a lane, as its handler sees it and as its offsets are kept.
pub(crate) struct Load {
    pub(crate) chunk: Arc<Chunk>,
    pub(crate) work: Arc<Work>,
    /// The records that fill the lane, and the bytes of all.
    waiting: AtomicUsize,
    pub(crate) bytes: usize,
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
        let full = load.work.assignment.wait_for(load.work.len(), load.bytes);
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
        let (assignment, subscription) = (assignment.clone(), subscription.clone());
        let work = Work::new(chunk, assignment, subscription, extensions.clone());
        let (waiting, bytes) = (AtomicUsize::new(work.len()), work.records().bytes());
        Self { chunk: work.chunk(), work, waiting, bytes }
    }

    pub(crate) fn part(&self) -> Part {
        Part { chunk: self.chunk.clone(), work: self.work.clone() }
    }

    /// So many of its records fill the lane no more.
    pub(crate) fn begun(&self, records: usize) {
        if records == 0 {
            return;
        }
        let before = self.waiting.fetch_sub(records, Relaxed);
        let bytes = |records| self.bytes / self.work.len() * records;
        // What the division leaves goes with the last record.
        let rest = if before == records { self.bytes % self.work.len() } else { 0 };
        self.work.assignment.waited_for(records, bytes(records) + rest);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.begun(self.waiting.load(Relaxed));
    }
}

async fn one_by_one(handler: Arc<dyn Run>, mut loads: UnboundedReceiver<Load>) {
    let mut permit = Permits::new(None).permit();
    while let Some(load) = loads.recv().await {
        let (part, records) = (load.part(), 0..load.work.len() as u32);
        let _busy = load.work.assignment.busy();
        if run_all(&*handler, &part, records, &mut permit).await.is_break()
            && load.work.assignment.is_live()
        {
            // The service stops before a record of this partition: nothing behind it is worked on.
            return;
        }
    }
}
