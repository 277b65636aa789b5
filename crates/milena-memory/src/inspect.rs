use crate::{Memory, log::Log, topics::Topic};
use milena_core::{
    record::{Chunk, Epoch, Record, TopicPartition},
    transport::{IsolationLevel, partition_for},
};
use std::sync::Arc;

/// What stands in the broker, for tests to look at.
impl Memory {
    /// All records of the topic in the order in which they were written, over all partitions, as far as they can
    /// be read by default: without those of transactions that were aborted, and up to the first of one that is open.
    ///
    /// ```
    /// # use milena_core::ProducerRecord;
    /// # use milena_memory::Memory;
    /// # let memory = Memory::new();
    /// # memory.produce(ProducerRecord::new("invoices").value("{}")).unwrap();
    /// let values: Vec<_> = memory.records("invoices").iter().map(|r| r.value().map(<[u8]>::to_vec)).collect();
    /// assert_eq!(values, [Some(b"{}".to_vec())]);
    /// ```
    pub fn records(&self, topic: &str) -> Vec<Record> {
        self.records_at(topic, IsolationLevel::ReadCommitted)
    }

    /// The records of the topic that a consumer of this isolation level can read, in the same order.
    ///
    /// ```
    /// # use milena_core::{ProducerRecord, transport::{IsolationLevel, Transport}};
    /// # use milena_memory::Memory;
    /// # use std::time::Duration;
    /// # async fn publish(memory: &Memory) -> Result<(), Box<dyn std::error::Error>> {
    /// let billing = memory.transactions("billing".into(), Duration::from_secs(60)).await?;
    /// billing.begin().await?;
    /// billing.producer().send_all(vec![ProducerRecord::new("invoices").value("{}")]).await?;
    ///
    /// assert_eq!(memory.records_at("invoices", IsolationLevel::ReadUncommitted).len(), 1);
    /// assert_eq!(memory.records_at("invoices", IsolationLevel::ReadCommitted).len(), 0);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(publish(&Memory::new())).unwrap();
    /// ```
    pub fn records_at(&self, topic: &str, level: IsolationLevel) -> Vec<Record> {
        let mut found = self.with(|broker| {
            let logs = broker.topics.get(topic).into_iter().flat_map(Topic::logs);
            let entries = logs.flat_map(|(partition, log)| {
                log.entries(0, level)
                    .map(move |entry| (entry.appended, partition, entry.record.clone()))
            });
            entries.collect::<Vec<_>>()
        });
        found.sort_unstable_by_key(|(appended, ..)| *appended);
        let topic: Arc<str> = topic.into();
        let record = |(_, partition, record)| {
            let place = TopicPartition::new(topic.clone(), partition);
            Record::new(Arc::new(Chunk::new(place, Epoch::default(), vec![record])), 0)
        };
        found.into_iter().map(record).collect()
    }

    /// The names of all topics, in order.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.with(|broker| broker.topics.names().cloned().collect())
    }

    /// How many partitions the topic has; 0 if it does not exist.
    pub fn partitions(&self, topic: &str) -> i32 {
        self.with(|broker| broker.topics.get(topic).map_or(0, Topic::partitions))
    }

    /// The partition that a record with this key goes to, if the topic exists.
    pub fn partition_for(&self, topic: &str, key: &[u8]) -> Option<i32> {
        let partitions = self.partitions(topic);
        (partitions > 0).then(|| partition_for(key, partitions))
    }

    /// The offset that the next record of the partition gets; 0 if there is no such partition.
    pub fn end(&self, topic: &str, partition: i32) -> i64 {
        let log = |topic: &Topic| topic.log(partition).map(|log| log.end());
        self.with(|broker| broker.topics.get(topic).and_then(log).unwrap_or(0))
    }

    /// The offset at which the oldest open transaction of the partition begins, else that of the next record; 0 if
    /// there is no such partition.
    pub fn stable_end(&self, topic: &str, partition: i32) -> i64 {
        let stable = |log: &Log| log.end_at(IsolationLevel::ReadCommitted);
        let log = |topic: &Topic| topic.log(partition).map(stable);
        self.with(|broker| broker.topics.get(topic).and_then(log).unwrap_or(0))
    }

    /// The ids of the transactions that are open, in order. One is from its first record or offset on, as in Kafka.
    pub fn open_transactions(&self) -> Vec<Arc<str>> {
        self.with(|broker| broker.coordinator.open().cloned().collect())
    }

    /// The offset that the group has committed for the partition.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let place = (topic.into(), partition);
        self.with(|broker| broker.find_group(group)?.committed(&place))
    }

    /// How many offsets of the topic the group is not done with, over all partitions.
    ///
    /// It counts from the committed offset, else from where the group began to read, else from 0.
    pub fn lag(&self, group: &str, topic: &str) -> i64 {
        (0..self.partitions(topic)).map(|partition| self.lag_of(group, topic, partition)).sum()
    }

    /// The same of one partition; 0 if it does not exist.
    pub fn lag_of(&self, group: &str, topic: &str, partition: i32) -> i64 {
        let place = (topic.into(), partition);
        self.with(|broker| {
            let end = broker.topics.log(&place).map_or(0, Log::end);
            let done = broker.find_group(group).map_or(0, |group| group.done(&place));
            (end - done).max(0)
        })
    }

    /// How many members the group has, with static ones that left and whose part is kept.
    pub fn members(&self, group: &str) -> usize {
        self.with(|broker| broker.find_group(group).map_or(0, |group| group.members().len()))
    }
}
