use super::{conductor::Conductor, partition::Partition};
use crate::control::Incident;
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

/// Why a partition delivers nothing for now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    /// Its lanes are full.
    Full,
    /// Too much was delivered behind a record that is not settled.
    Behind,
    /// Too many results wait for their transaction.
    Kept,
    /// A user paused it.
    Paused,
}

/// Since when a partition is held back, for each reason there is.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    why: Vec<(Why, Instant)>,
    /// Whether its lanes stay full for long.
    is_slow: bool,
}

impl HeldBack {
    /// Whether it is held back at all.
    pub(super) fn is_any(&self) -> bool {
        !self.why.is_empty()
    }

    /// Whether it is held back for this reason.
    pub(super) fn by(&self, why: Why) -> bool {
        self.why.iter().any(|(known, _)| *known == why)
    }
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
        if partition.held_back.is_slow {
            self.hold_back(place, Why::Full);
        } else {
            self.pressure.wait_for(place.clone(), partition.assignment.epoch);
        }
    }

    /// The lanes of a partition have room again.
    pub(super) fn room(&mut self, place: &TopicPartition, epoch: Epoch) {
        if self.pressure.relieve(place, epoch) {
            return;
        }
        if self.partition(place, epoch).is_some() {
            let since = self.let_go(place, Why::Full);
            if let Some(partition) = self.partitions.get_mut(place) {
                partition.held_back.is_slow = since.is_some_and(|since| since.elapsed() > PATIENCE);
            }
        }
    }

    /// Holds the partitions back whose lanes are still full when patience is over.
    pub(super) fn press(&mut self) {
        self.mind_kept();
        let now = Instant::now();
        if self.pressure.until.is_none_or(|until| now < until) {
            return;
        }
        self.pressure.until = None;
        for (place, epoch) in mem::take(&mut self.pressure.full) {
            if self.partition(&place, epoch).is_some_and(|it| it.assignment.is_live()) {
                self.hold_back(&place, Why::Full);
            }
        }
    }

    /// Holds a partition back of which much was delivered behind a record that is not settled, or lets it
    /// go on.
    pub(super) fn weigh(&mut self, place: &TopicPartition) {
        let (most_records, most_bytes) = self.options.max_ahead;
        let Some(partition) = self.partitions.get_mut(place) else { return };
        let (records, bytes) = partition.offsets.weight();
        let held = partition.held_back.by(Why::Behind);
        if !held && (records >= most_records || bytes >= most_bytes) {
            let offset = partition.offsets.first_unsettled();
            tracing::warn!(
                group = %self.group, partition = %place, offset, records, bytes,
                "a record that is not done holds its partition back"
            );
            if let Some(offset) = offset {
                partition.gauges.holding(Some(offset));
                self.news.tell(Incident::HeldBack { partition: place.clone(), offset });
            }
            self.hold_back(place, Why::Behind);
        } else if held && records <= most_records / 2 && bytes <= most_bytes / 2 {
            partition.gauges.holding(None);
            self.let_go(place, Why::Behind);
        }
    }

    pub(super) fn hold_back(&mut self, place: &TopicPartition, why: Why) {
        let Some(partition) = self.partitions.get_mut(place) else { return };
        let held = &mut partition.held_back;
        held.is_slow |= why == Why::Full;
        if held.by(why) {
            return;
        }
        tracing::debug!(group = %self.group, partition = %place, ?why, "a partition is held back");
        held.why.push((why, Instant::now()));
        if held.why.len() == 1 {
            self.consumer.park(place);
        }
    }

    /// This reason is none any more; says since when it was one.
    pub(super) fn let_go(&mut self, place: &TopicPartition, why: Why) -> Option<Instant> {
        let partition = self.partitions.get_mut(place)?;
        let held = &mut partition.held_back;
        let at = held.why.iter().position(|(known, _)| *known == why)?;
        let (_, since) = held.why.remove(at);
        if held.why.is_empty() && partition.assignment.is_live() {
            self.consumer.unpark(place);
        }
        Some(since)
    }
}

impl Partition {
    /// The offset that holds it back, if one does.
    pub(super) fn holding(&mut self) -> Option<i64> {
        if self.held_back.by(Why::Behind) { self.offsets.first_unsettled() } else { None }
    }
}
