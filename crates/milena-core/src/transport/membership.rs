use super::{ConsumerConfig, Pattern};
use crate::record::TopicPartition;
use std::{sync::Arc, time::Duration};

/// What a consumer joins and reads, and where it begins.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The consumer group. Without one the consumer has every partition of what it selects, shares
    /// nothing, and commits nothing.
    pub group: Option<Arc<str>>,
    /// What it reads.
    pub selection: Selection,
    /// Where a partition begins for which the group has committed nothing.
    pub start: StartAt,
    /// What happens when the offset to go on from is not there any more.
    pub reset: Reset,
    /// What its client is configured with.
    pub config: ConsumerConfig,
}

impl Membership {
    /// A member of this group that reads these topics, from the oldest record.
    pub fn new<T: Into<Arc<str>>>(
        group: impl Into<Arc<str>>,
        topics: impl IntoIterator<Item = T>,
    ) -> Self {
        Self {
            group: Some(group.into()),
            selection: Selection::topics(topics),
            start: StartAt::default(),
            reset: Reset::default(),
            config: ConsumerConfig::default(),
        }
    }
}

/// What a consumer reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// Topics, by name and by pattern. The members of a group share their partitions.
    Topics {
        /// The names.
        names: Vec<Arc<str>>,
        /// The patterns; a topic that is created later is read as soon as it is seen.
        patterns: Vec<Pattern>,
    },
    /// These partitions, whatever other consumers of the group read.
    Partitions(Vec<TopicPartition>),
}

impl Selection {
    /// Topics by name.
    pub fn topics<T: Into<Arc<str>>>(names: impl IntoIterator<Item = T>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self::Topics { names, patterns: Vec::new() }
    }

    /// Whether the topic is part of it.
    pub fn takes(&self, topic: &str) -> bool {
        match self {
            Self::Topics { names, patterns } => {
                names.iter().any(|name| **name == *topic)
                    || patterns.iter().any(|pattern| pattern.is_match(topic))
            }
            Self::Partitions(partitions) => partitions.iter().any(|at| *at.topic == *topic),
        }
    }
}

/// Where a consumer group begins to read a partition for which it has committed nothing.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum StartAt {
    /// At the oldest record there is.
    #[default]
    Earliest,
    /// Behind the newest: what was written before is never read.
    Latest,
    /// Nowhere: that nothing is committed is an error.
    Committed,
    /// At the first record of this time or a later one, in milliseconds since 1970; behind the newest
    /// when there is none.
    Time(i64),
    /// At the first record that is not older than this, when the partition is assigned.
    Ago(Duration),
    /// At these offsets; what is not named begins at the oldest record.
    Offsets(Vec<(TopicPartition, i64)>),
}

/// What happens when the offset to go on from is not there: retention deleted the record, or the topic
/// was created anew.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reset {
    /// Goes on at the oldest record there is.
    #[default]
    Earliest,
    /// Goes on behind the newest.
    Latest,
    /// Ends the service with an error that names the offset.
    Error,
}
