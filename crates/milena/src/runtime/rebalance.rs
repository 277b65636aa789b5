use super::{
    Assignment,
    conductor::Conductor,
    drain::{Drain, Then},
    partition::Partition,
};
use crate::{
    control::Incident,
    listener::Moment,
    planted::{Bug, planted},
};
use milena_core::record::{Epoch, TopicPartition};
use std::{fmt::Write, time::Duration};
use tokio::time::Instant;

impl Conductor {
    pub(super) fn assigned(&mut self, assigned: Vec<(TopicPartition, Epoch)>) {
        // A member that leaves takes nothing on; what is read nevertheless is dropped.
        if self.ending.is_some() {
            return self.consumer.assign(assigned.into_iter().map(|(at, _)| (at, None)).collect());
        }
        self.has_assignment = true;
        tracing::info!(group = %self.group, partitions = %listed(assigned.iter().map(|it| &it.0)), "assigned");
        self.counters.assignments.add(1);
        for (place, epoch) in &assigned {
            let assignment = self.assignment(place, *epoch);
            let takers = self.subscriptions.takers(place);
            let new = Partition::new(assignment, takers, self.meter.gauges(place));
            self.partitions.insert(place.clone(), new);
            self.arrived(place);
        }
        self.ask_where_it_began(&assigned);
        if self.is_heard() {
            self.tell_assigned(assigned);
        } else {
            self.meter_rebalance("assigned", Instant::now());
            self.begin(assigned.into_iter().map(|(at, _)| (at, None)).collect());
        }
    }

    /// A new assignment of a partition.
    pub(super) fn assignment(&mut self, place: &TopicPartition, epoch: Epoch) -> Assignment {
        let tally = self.meter.tally(&place.topic);
        let outside = (self.note.clone(), tally);
        Assignment::new(place.clone(), epoch, self.options.buffer, outside)
    }

    /// Begins to read, at these offsets or where the group left off.
    pub(super) fn begin(&mut self, starts: Vec<(TopicPartition, Option<i64>)>) {
        let places: Vec<_> = starts.iter().map(|(at, _)| at.clone()).collect();
        self.consumer.assign(starts);
        places.iter().for_each(|place| self.apply_pause(place));
    }

    /// Begins to give the partitions up in good order.
    pub(super) fn revoked(&mut self, places: Vec<TopicPartition>, within: Duration) {
        tracing::info!(group = %self.group, partitions = %listed(&places), "revoked");
        self.counters.revocations.add(1);
        for place in &places {
            self.partitions.get_mut(place).into_iter().for_each(Partition::end);
        }
        self.moves.give_up(&places);
        let listener_within = within / 2;
        let within = if planted(Bug::SkipDrain) {
            Duration::ZERO
        } else {
            within.min(self.options.drain_timeout)
        };
        self.drains.add(Drain::new(places, Then::Release, (within, listener_within)));
    }

    pub(super) fn lost(&mut self, places: &[TopicPartition]) {
        tracing::warn!(group = %self.group, partitions = %listed(places), "lost: other members may have them already");
        self.counters.losses.add(1);
        let epoch =
            |at: &TopicPartition| Some((at.clone(), self.partitions.get(at)?.assignment.epoch));
        let told: Vec<_> = places.iter().filter_map(epoch).collect();
        places.iter().for_each(|place| self.forget(place));
        self.has_assignment = !self.partitions.is_empty();
        self.drains.lost(places);
        if self.is_heard() && !told.is_empty() {
            self.tell(Moment::Lost, told, self.options.listener_timeout);
        }
    }

    /// Nothing of this partition is ours any more.
    pub(super) fn forget(&mut self, place: &TopicPartition) {
        self.moves.give_up([place]);
        let Some(mut partition) = self.partitions.remove(place) else { return };
        partition.end();
        self.leave(place, &mut partition);
        self.left(place);
    }

    /// This assignment of the partition is over. What still runs is told so, and its result dropped.
    pub(super) fn leave(&mut self, place: &TopicPartition, partition: &mut Partition) {
        partition.end();
        let is_quiet = partition.assignment.leave();
        partition.offsets.count_finally();
        partition.gauges.clear();
        if is_quiet {
            return;
        }
        let offset = partition.offsets.committable().unwrap_or_default();
        self.counters.overlaps.add(1);
        tracing::warn!(
            group = %self.group, partition = %place, offset,
            "a call has not ended while the partition goes to another member; its result will be dropped"
        );
        self.news.tell(Incident::Overlap { partition: place.clone(), offset });
    }
}

/// Partitions for a person to read.
pub(super) fn listed<'a>(places: impl IntoIterator<Item = &'a TopicPartition>) -> String {
    places.into_iter().fold(String::new(), |mut list, place| {
        // Writing to a `String` cannot fail.
        let _ = write!(list, "{}{place}", if list.is_empty() { "" } else { ", " });
        list
    })
}
