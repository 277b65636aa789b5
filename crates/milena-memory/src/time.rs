use crate::{Memory, group::GroupId, topics::Topic};
use std::sync::Arc;

/// What a broker does in the course of time, and here at once when it is asked to.
impl Memory {
    /// Deletes the records of a partition before this offset, as retention and `DeleteRecords` do.
    /// Offsets stay; before the end there is nothing left at most.
    ///
    /// ```
    /// # use milena_core::ProducerRecord;
    /// # use milena_memory::Memory;
    /// let memory = Memory::new();
    /// (0..3).for_each(|_| drop(memory.produce(ProducerRecord::new("orders"))));
    ///
    /// memory.delete_records("orders", 0, 2);
    ///
    /// assert_eq!(memory.records("orders")[0].offset(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no such partition.
    #[track_caller]
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let deleted = self.with(|broker| {
            let log = broker.topics.get_mut(topic).and_then(|topic| topic.log_mut(partition));
            let deleted = log.map(|log| log.delete_before(before)).is_some();
            broker.touch();
            deleted
        });
        assert!(deleted, "could not delete records of `{topic}/{partition}`: no such partition");
    }

    /// Compacts a topic to the end: of each key the newest record stays, also a tombstone, and a record
    /// without a key goes. Offsets stay, so there are holes.
    ///
    /// # Panics
    ///
    /// If there is no such topic.
    #[track_caller]
    pub fn compact(&self, topic: &str) {
        let compacted = self.compacted(topic, true);
        assert!(compacted, "could not compact topic `{topic}`: it does not exist");
    }

    /// As [`compact`](Self::compact), and tombstones go, too, as they do after `delete.retention.ms`.
    ///
    /// # Panics
    ///
    /// If there is no such topic.
    #[track_caller]
    pub fn compact_away_tombstones(&self, topic: &str) {
        let compacted = self.compacted(topic, false);
        assert!(compacted, "could not compact topic `{topic}`: it does not exist");
    }

    /// Deletes a topic: its records, and what groups have committed for it. Members are told that its
    /// partitions are lost; when it is created again offsets begin at 0.
    ///
    /// # Panics
    ///
    /// If there is no such topic.
    #[track_caller]
    pub fn delete_topic(&self, name: impl Into<Arc<str>>) {
        let name = name.into();
        let deleted = self.with(|broker| broker.delete_topic(&name));
        assert!(deleted, "could not delete topic `{name}`: it does not exist");
    }

    /// The time is over for a static member that left the group to come back: its part goes to others.
    /// Whether there was one.
    pub fn expire(&self, group: impl Into<Arc<str>>, instance_id: &str) -> bool {
        let group = GroupId::Named(group.into());
        self.with(|broker| {
            broker.touch();
            broker.in_group(&group, |group, _| group.expire(instance_id))
        })
    }

    fn compacted(&self, topic: &str, tombstones_stay: bool) -> bool {
        self.with(|broker| {
            let found = broker.topics.get_mut(topic);
            let logs = found.map(Topic::logs_mut);
            let found = logs.map(|logs| logs.for_each(|log| log.compact(tombstones_stay)));
            broker.touch();
            found.is_some()
        })
    }
}
