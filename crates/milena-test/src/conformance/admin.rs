use milena_core::{record::TopicPartition, transport::BoxFuture};
use milena_memory::Memory;
use std::{future::ready, sync::Arc};

/// Changes what stands in a broker, as no service does.
///
/// Each call returns when the broker has done it, and panics if it cannot.
pub trait Admin: Send + Sync + 'static {
    /// Deletes the records of a partition before this offset.
    fn delete_records(&self, at: TopicPartition, before: i64) -> BoxFuture<'_, ()>;

    /// Raises a topic to this many partitions in all.
    fn add_partitions(&self, topic: Arc<str>, total: i32) -> BoxFuture<'_, ()>;

    /// Deletes a topic.
    fn delete_topic(&self, topic: Arc<str>) -> BoxFuture<'_, ()>;
}

impl Admin for Memory {
    fn delete_records(&self, at: TopicPartition, before: i64) -> BoxFuture<'_, ()> {
        Self::delete_records(self, &at.topic, at.partition, before);
        Box::pin(ready(()))
    }

    fn add_partitions(&self, topic: Arc<str>, total: i32) -> BoxFuture<'_, ()> {
        Self::add_partitions(self, topic, total);
        Box::pin(ready(()))
    }

    fn delete_topic(&self, topic: Arc<str>) -> BoxFuture<'_, ()> {
        Self::delete_topic(self, topic);
        Box::pin(ready(()))
    }
}
