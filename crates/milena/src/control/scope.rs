use milena_core::record::TopicPartition;
use std::{fmt, sync::Arc};

/// A topic, or one partition.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Scope {
    /// All partitions of this topic.
    Topic(Arc<str>),
    /// This partition.
    Partition(TopicPartition),
}

impl Scope {
    /// Whether the partition is part of it.
    pub fn covers(&self, at: &TopicPartition) -> bool {
        match self {
            Self::Topic(topic) => *topic == at.topic,
            Self::Partition(partition) => partition == at,
        }
    }
}

impl From<&str> for Scope {
    fn from(topic: &str) -> Self {
        Self::Topic(topic.into())
    }
}

impl From<String> for Scope {
    fn from(topic: String) -> Self {
        Self::Topic(topic.into())
    }
}

impl From<TopicPartition> for Scope {
    fn from(partition: TopicPartition) -> Self {
        Self::Partition(partition)
    }
}

impl From<&TopicPartition> for Scope {
    fn from(partition: &TopicPartition) -> Self {
        Self::Partition(partition.clone())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => write!(f, "topic `{topic}`"),
            Self::Partition(partition) => write!(f, "`{partition}`"),
        }
    }
}
