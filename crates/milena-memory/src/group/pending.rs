use super::Group;
use crate::{
    assign::{Place, partition, place},
    topics::Topics,
};
use milena_core::record::TopicPartition;
use std::collections::BTreeMap;

/// Offsets that were sent with transactions that are open, of each producer. What was committed behind one has
/// outdated it.
#[derive(Default)]
pub(super) struct Pending(BTreeMap<Place, BTreeMap<u64, Option<i64>>>);

impl Pending {
    /// Whether no transaction is open that may commit an offset of the partition.
    pub(super) fn is_stable(&self, place: &Place) -> bool {
        !self.0.contains_key(place)
    }

    /// An offset of the partition was committed.
    pub(super) fn outdate(&mut self, place: &Place) {
        let pending = self.0.get_mut(place).into_iter().flat_map(BTreeMap::values_mut);
        pending.for_each(|offset| *offset = None);
    }

    /// Forgets a topic that was deleted.
    pub(super) fn forget(&mut self, topic: &str) {
        self.0.retain(|place, _| *place.0 != *topic);
    }

    /// Takes what the producer has sent, as far as it was not outdated.
    fn take(&mut self, producer: u64) -> Vec<(Place, i64)> {
        let mut taken = Vec::new();
        for (place, pending) in &mut self.0 {
            let sent = pending.remove(&producer).flatten();
            taken.extend(sent.map(|offset| (place.clone(), offset)));
        }
        self.0.retain(|_, pending| !pending.is_empty());
        taken
    }
}

/// What transactions do to the group.
impl Group {
    /// Keeps offsets until the transaction of the producer ends.
    pub(crate) fn keep(&mut self, producer: u64, offsets: &[(TopicPartition, i64)]) {
        for (at, offset) in offsets {
            self.pending.0.entry(place(at)).or_default().insert(producer, Some(*offset));
        }
    }

    /// Whether no transaction is open that may commit an offset of the partition.
    pub(crate) fn is_stable(&self, place: &Place) -> bool {
        self.pending.is_stable(place)
    }

    /// The transaction of the producer has ended. Who waited for that begins to read.
    pub(crate) fn end_transaction(&mut self, producer: u64, committed: bool, topics: &Topics) {
        let sent = self.pending.take(producer);
        if committed {
            self.committed.extend(sent);
        }
        let waiting =
            |id: &u64| self.members[id].waiting().map(|at| (partition(at), None)).collect();
        let waiting: Vec<(u64, Vec<_>)> =
            self.members.keys().map(|id| (*id, waiting(id))).collect();
        for (id, partitions) in waiting {
            self.assign(id, partitions, topics);
        }
    }
}
