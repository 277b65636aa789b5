use milena_core::record::TopicPartition;

/// What is wrong with a consumer group of this process; nothing, if it is well.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Health {
    /// What there is to worry about.
    pub concerns: Vec<Concern>,
    /// Whether this member was told which partitions it has, be they none.
    pub has_assignment: bool,
}

impl Health {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.concerns.is_empty()
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Concern {
    /// The partition, if it is of one.
    pub partition: Option<TopicPartition>,
    /// What is wrong, for a person to read.
    pub text: String,
}

impl Concern {
    pub(crate) fn new(partition: Option<TopicPartition>, text: impl Into<String>) -> Self {
        Self { partition, text: text.into() }
    }
}
