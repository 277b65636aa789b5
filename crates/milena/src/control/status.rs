use milena_core::record::TopicPartition;

/// How a partition of this member stands.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PartitionStatus {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset of the record that is delivered next; `None` before the first one.
    pub position: Option<i64>,
    /// Everything before this offset is done; `None` before the first record.
    pub done: Option<i64>,
    /// What this member has committed; `None` before its first commit.
    pub committed: Option<i64>,
    /// The offset behind the newest record, as far as it is known here.
    pub end: Option<i64>,
    /// The offsets that were delivered and are not done, in order; 1,000 at most.
    pub unsettled: Vec<i64>,
    /// How many those are.
    pub in_work: usize,
    /// Whether a user paused it.
    pub is_paused: bool,
    /// Whether nothing of it is read for now, because its lanes are full or a record that is not done
    /// holds it back.
    pub is_held_back: bool,
}
