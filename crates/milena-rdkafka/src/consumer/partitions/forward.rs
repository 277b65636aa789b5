use super::{Flow, Partitions};
use crate::native::Queue;
use milena_core::record::TopicPartition;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// How often what has delivered nothing is forwarded again: just after it was begun again, soon, and later.
const AT_ONCE: Duration = Duration::from_millis(2);
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(1);
/// How long "at once" and "soon" last.
const JUST_BEGUN: Duration = Duration::from_millis(50);
const BEGUN: Duration = Duration::from_secs(3);

/// What a partition fetches goes to the one queue that is read, unless the partition is parked.
impl Partitions {
    /// Lets a partition deliver, or keep what it fetches to itself.
    pub(in crate::consumer) fn park(&mut self, place: &TopicPartition, parked: bool) {
        if let Some(source) = self.source(place) {
            source.parked = parked;
            self.forward(place, !parked);
        }
    }

    /// librdkafka drops a forward when it stops an earlier assignment late, so this is done until a
    /// record came through.
    pub(in crate::consumer) fn forward_again(&mut self, now: Instant) {
        if now < self.next_forward {
            return;
        }
        let mut again = LATER;
        let sources = self.sources.iter().filter(|source| source.flow == Flow::Running);
        for source in sources.filter(|source| !source.proven && !source.parked) {
            again = again.min(match now - source.since {
                time if time < JUST_BEGUN && source.again => AT_ONCE,
                time if time < BEGUN => SOON,
                _ => LATER,
            });
            self.forward(&source.place, true);
        }
        self.next_forward = now + again;
    }

    /// How long until something is to be forwarded again, or tried again.
    pub(in crate::consumer) fn next_look(&self, now: Instant) -> Duration {
        let moves = self.sources.iter().any(|source| source.flow == Flow::Seeking);
        let next = if moves { self.next_forward.min(self.next_move) } else { self.next_forward };
        next.saturating_duration_since(now)
    }

    pub(super) fn forward(&self, place: &TopicPartition, on: bool) {
        let queue = Queue::of_partition(self.client.clone(), &place.topic, place.partition);
        match queue {
            Some(queue) => queue.forward(on.then_some(&self.queue)),
            None => tracing::error!(partition = %place, "could not find the queue of a partition"),
        }
    }

    /// Forwards what begins, and again in this time.
    pub(super) fn forward_soon(&mut self, places: &[(TopicPartition, i64)], now: Instant) {
        let soon = now + SOON;
        let (mut next, mut parked) = (soon, HashSet::new());
        for source in &self.sources {
            if source.parked {
                parked.insert(&source.place);
            }
            if source.again && !source.proven {
                next = now + AT_ONCE;
            }
        }
        for (place, _) in places {
            self.forward(place, !parked.contains(place));
        }
        self.next_forward = next;
    }
}
