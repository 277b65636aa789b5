use super::{
    Assignment,
    conductor::{Conductor, Partition},
    drain::{Drain, Then},
};
use milena_core::record::{Epoch, TopicPartition};
use std::{fmt::Write, time::Duration};

impl Conductor {
    pub(super) fn assigned(&mut self, assigned: Vec<(TopicPartition, Epoch)>) {
        let starts = assigned.iter().map(|(place, _)| (place.clone(), None)).collect();
        // A member that leaves takes nothing on; what is read nevertheless is dropped.
        if self.ending.is_none() {
            tracing::info!(group = %self.group, partitions = %listed(assigned.iter().map(|it| &it.0)), "assigned");
            for (place, epoch) in assigned {
                let assignment =
                    Assignment::new(place.clone(), epoch, self.options.buffer, self.note.clone());
                self.partitions.insert(place, Partition::new(assignment));
            }
        }
        self.consumer.assign(starts);
    }

    /// Begins to give the partitions up in good order.
    pub(super) fn revoked(&mut self, places: Vec<TopicPartition>, within: Duration) {
        tracing::info!(group = %self.group, partitions = %listed(&places), "revoked");
        for place in &places {
            self.partitions.get_mut(place).into_iter().for_each(Partition::end);
        }
        self.drains.add(Drain::new(places, Then::Release, within.min(self.options.drain_timeout)));
    }

    pub(super) fn lost(&mut self, places: &[TopicPartition]) {
        tracing::warn!(group = %self.group, partitions = %listed(places), "lost: other members may have them already");
        places.iter().for_each(|place| self.forget(place));
        self.drains.lost(places);
    }

    /// Nothing of this partition is ours any more.
    pub(super) fn forget(&mut self, place: &TopicPartition) {
        let Some(mut partition) = self.partitions.remove(place) else { return };
        partition.end();
        if !partition.assignment.leave() {
            let offset = partition.offsets.committable();
            tracing::warn!(
                group = %self.group, partition = %place, offset,
                "a call has not ended while the partition goes to another member; its result will be dropped"
            );
        }
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
