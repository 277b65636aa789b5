use super::Assignment;
use std::{
    collections::{HashMap, VecDeque},
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot::{self, Receiver, Sender};

/// The calls that a subscription may make at once.
///
/// Partitions have their turns one after the other, however many calls of one wait: one with much to do
/// does not keep the others from theirs.
#[derive(Clone, Debug)]
pub(crate) struct Permits(Option<Arc<Places>>);

/// The right to make one call.
#[derive(Debug)]
pub(crate) struct Permit {
    of: Permits,
    held: Option<Held>,
}

impl Permits {
    /// At most so many at once, or no limit but that of the lanes.
    pub(crate) fn new(most: Option<usize>) -> Self {
        Self(most.map(|most| Arc::new(Places(Mutex::new(Queue::new(most))))))
    }

    /// A permit that is yet to be taken.
    pub(crate) fn permit(&self) -> Permit {
        Permit { of: self.clone(), held: None }
    }
}

impl Permit {
    /// Waits for its turn. Broken off when the partition has ended.
    pub(crate) async fn take(&mut self, assignment: &Assignment) -> ControlFlow<()> {
        self.take_until(assignment, assignment.ended()).await
    }

    /// The same for what is worked on also while the partition is handed over.
    pub(crate) async fn take_owed(&mut self, assignment: &Assignment) -> ControlFlow<()> {
        self.take_until(assignment, assignment.until_left()).await
    }

    async fn take_until(
        &mut self,
        assignment: &Assignment,
        over: impl Future<Output = ()>,
    ) -> ControlFlow<()> {
        let Some(places) = self.of.0.as_ref().filter(|_| self.held.is_none()) else {
            return ControlFlow::Continue(());
        };
        match places.take(assignment) {
            Ok(held) => self.held = Some(held),
            Err(turn) => tokio::select! {
                biased;
                held = turn => self.held = held.ok(),
                () = over => return ControlFlow::Break(()),
            },
        }
        ControlFlow::Continue(())
    }

    /// Takes a place if one is free.
    pub(crate) fn try_take(&mut self) -> bool {
        let Some(places) = &self.of.0 else { return true };
        if self.held.is_none() && places.lock().take() {
            self.held = Some(Held(Some(places.clone())));
        }
        self.held.is_some()
    }

    /// Gives it back if anybody waits for it.
    pub(crate) fn pass_on(&mut self) {
        let is_awaited = |places: &Arc<Places>| !places.lock().turns.is_empty();
        if self.of.0.as_ref().is_some_and(is_awaited) {
            self.give_back();
        }
    }

    /// Whether calls of another partition wait for it.
    pub(crate) fn is_awaited_beside(&self, assignment: &Assignment) -> bool {
        let others = |places: &Arc<Places>| {
            places.lock().turns.iter().any(|partition| *partition != name(assignment))
        };
        self.of.0.as_ref().is_some_and(others)
    }

    /// Gives it back, so that others may call.
    pub(crate) fn give_back(&mut self) {
        self.held = None;
    }
}

/// The places that there are.
#[derive(Debug)]
struct Places(Mutex<Queue>);

/// Who waits for a place. As long as one is free, nobody does.
#[derive(Debug)]
struct Queue {
    free: usize,
    /// The partitions of which calls wait, in the order of their turns.
    turns: VecDeque<usize>,
    waiting: HashMap<usize, VecDeque<Sender<Held>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
struct Held(Option<Arc<Places>>);

impl Places {
    /// A free place, or when there is none the turn that comes.
    fn take(self: &Arc<Self>, assignment: &Assignment) -> Result<Held, Receiver<Held>> {
        let mut queue = self.lock();
        if queue.take() {
            return Ok(Held(Some(self.clone())));
        }
        let (turn, comes) = oneshot::channel();
        queue.wait(name(assignment), turn);
        Err(comes)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn new(free: usize) -> Self {
        Self { free, turns: VecDeque::new(), waiting: HashMap::new() }
    }

    /// Whether a place was free, which it is no more.
    fn take(&mut self) -> bool {
        let is_free = self.free > 0;
        self.free -= usize::from(is_free);
        is_free
    }

    fn wait(&mut self, partition: usize, turn: Sender<Held>) {
        let waiting = self.waiting.entry(partition).or_default();
        if waiting.is_empty() {
            self.turns.push_back(partition);
        }
        waiting.push_back(turn);
    }

    /// Whose turn it is; when it is nobody's, the place is free.
    fn next(&mut self) -> Option<Sender<Held>> {
        while let Some(partition) = self.turns.pop_front() {
            let Some(waiting) = self.waiting.get_mut(&partition) else { continue };
            let next = waiting.pop_front();
            if waiting.is_empty() {
                self.waiting.remove(&partition);
            } else {
                self.turns.push_back(partition);
            }
            if next.as_ref().is_some_and(|turn| !turn.is_closed()) {
                return next;
            }
        }
        self.free += 1;
        None
    }
}

/// An assignment lives as long as anybody waits under it, so that its place in memory names it.
fn name(assignment: &Assignment) -> usize {
    std::ptr::from_ref(assignment).addr()
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(places) = self.0.take() else { return };
        loop {
            let Some(turn) = places.lock().next() else { return };
            // Whoever waits no longer gives it back, and others are asked.
            match turn.send(Self(Some(places.clone()))) {
                Ok(()) => return,
                Err(mut back) => back.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::counters::Tallies, *};
    use crate::runtime::{Note, metrics::Labels};
    use futures_util::FutureExt as _;
    use milena_core::record::{Epoch, TopicPartition};
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    fn assignment(partition: i32) -> (Assignment, UnboundedReceiver<Note>) {
        let (notes, told) = unbounded_channel();
        let place = TopicPartition::new("t", partition);
        let tally = Tallies::default().of(&place.topic, &Labels::default());
        (Assignment::new(place, Epoch(1), (1, 1), (notes, tally)), told)
    }

    #[test]
    fn partitions_have_their_turns_one_after_the_other() {
        let (permits, partitions) = (Permits::new(Some(1)), [assignment(0), assignment(1)]);
        let mut first = permits.permit();
        assert!(first.take(&partitions[0].0).now_or_never().is_some());
        let mut waiting: Vec<_> = [0, 0, 0, 1, 1]
            .map(|partition| {
                let (mut permit, assignment) = (permits.permit(), &partitions[partition].0);
                Box::pin(async move {
                    let _ = permit.take(assignment).await;
                    permit
                })
            })
            .into();
        assert!(waiting.iter_mut().all(|it| it.now_or_never().is_none()));

        let mut order = Vec::new();
        let mut left: Vec<_> = (0..5).collect();
        drop(first);
        while !left.is_empty() {
            let turn = left.iter().position(|i| {
                // The permit is dropped at once, and the next has its turn.
                (&mut waiting[*i]).now_or_never().is_some()
            });
            order.push(left.remove(turn.expect("it is somebody's turn")));
        }

        assert_eq!(order, [0, 3, 1, 4, 2]);
    }

    #[test]
    fn a_turn_that_nobody_waits_for_any_more_goes_to_the_next() {
        let (permits, (assignment, _told)) = (Permits::new(Some(1)), assignment(0));
        let mut first = permits.permit();
        assert!(first.take(&assignment).now_or_never().is_some());
        let (mut gone, mut late, mut next) = (permits.permit(), permits.permit(), permits.permit());
        assert!(gone.take(&assignment).now_or_never().is_none());
        let mut told = Box::pin(late.take(&assignment));
        assert!((&mut told).now_or_never().is_none());
        let mut waits = Box::pin(next.take(&assignment));
        assert!((&mut waits).now_or_never().is_none());

        first.give_back();
        // It was told that it is its turn, and leaves before it hears of it.
        drop(told);

        assert!(waits.now_or_never().is_some());
    }
}
