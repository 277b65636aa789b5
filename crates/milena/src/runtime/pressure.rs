use super::conductor::{Conductor, Partition};
use milena_core::record::{Epoch, TopicPartition};
use std::{mem, time::Duration};
use tokio::time::Instant;

/// How long nothing at all is read because a lane is full. What else happens waits as long at most.
const PATIENCE: Duration = Duration::from_millis(20);

/// What is done about full lanes.
///
/// A lane that is merely busy has room again in a moment. So nothing is read for that moment, which
/// costs less than holding the partition back: what is held back fills a queue of its own in the driver.
/// A partition without room behind the moment is held back alone, and the others run on.
#[derive(Default)]
pub(super) struct Pressure {
    full: Vec<(TopicPartition, Epoch)>,
    until: Option<Instant>,
}

impl Pressure {
    /// Whether the driver may tell more.
    pub(super) fn is_off(&self) -> bool {
        self.until.is_none()
    }

    /// When patience ends.
    pub(super) fn due(&self) -> Option<Instant> {
        self.until
    }

    fn wait_for(&mut self, place: TopicPartition, epoch: Epoch) {
        self.full.push((place, epoch));
        self.until.get_or_insert_with(|| Instant::now() + PATIENCE);
    }

    /// The partition has room; says whether it was waited for.
    fn relieve(&mut self, place: &TopicPartition, epoch: Epoch) -> bool {
        let waited = self.full.len();
        self.full.retain(|full| *full != (place.clone(), epoch));
        if self.full.is_empty() {
            self.until = None;
        }
        self.full.len() < waited
    }
}

impl Conductor {
    /// The lanes of a partition are full.
    pub(super) fn full(&mut self, place: &TopicPartition) {
        let Some(partition) = self.partitions.get_mut(place) else { return };
        if partition.is_slow {
            self.hold_back(place);
        } else {
            self.pressure.wait_for(place.clone(), partition.assignment.epoch);
        }
    }

    /// The lanes of a partition have room again.
    pub(super) fn room(&mut self, place: &TopicPartition, epoch: Epoch) {
        if self.pressure.relieve(place, epoch) {
            return;
        }
        let live = |it: &&mut Partition| it.assignment.is_live();
        if let Some(partition) = self.partition(place, epoch).filter(live) {
            let since = partition.held_back.take();
            partition.is_slow = since.is_some_and(|since| since.elapsed() > PATIENCE);
            self.consumer.unpark(place);
        }
    }

    /// Holds the partitions back whose lanes are still full when patience is over.
    pub(super) fn press(&mut self) {
        let now = Instant::now();
        if self.pressure.until.is_none_or(|until| now < until) {
            return;
        }
        self.pressure.until = None;
        for (place, epoch) in mem::take(&mut self.pressure.full) {
            if self.partition(&place, epoch).is_some_and(|it| it.assignment.is_live()) {
                self.hold_back(&place);
            }
        }
    }

    fn hold_back(&mut self, place: &TopicPartition) {
        let Some(partition) = self.partitions.get_mut(place) else { return };
        (partition.is_slow, partition.held_back) = (true, Some(Instant::now()));
        tracing::debug!(partition = %place, "its lane is full, so the partition is held back");
        self.consumer.park(place);
    }
}
