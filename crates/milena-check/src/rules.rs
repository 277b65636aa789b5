use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// What a history is held against.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(crate) topics: BTreeMap<Arc<str>, Subscribed>,
    pub(crate) exactly_once: bool,
    pub(crate) stops_within: Option<Duration>,
    pub(crate) most_held: Option<usize>,
    pub(crate) misses_nobody: bool,
    pub(crate) hands_over_within: Option<Duration>,
}

impl Rules {
    /// Those of a group that subscribes to nothing, and publishes at least once.
    pub fn new() -> Self {
        Self::default()
    }

    /// The group subscribes to this topic.
    #[must_use]
    pub fn topic(mut self, topic: impl Into<Arc<str>>, subscribed: Subscribed) -> Self {
        self.topics.insert(topic.into(), subscribed);
        self
    }

    /// What comes of a record is seen exactly once.
    #[must_use]
    pub fn exactly_once(self) -> Self {
        Self { exactly_once: true, ..self }
    }

    /// An instance that is asked to stop does so in this time; by default whenever it likes.
    #[must_use]
    pub fn stops_within(self, time: Duration) -> Self {
        Self { stops_within: Some(time), ..self }
    }

    /// An instance holds so many records at most that it has read and that did not come to an end; by default as many
    /// as it likes.
    #[must_use]
    pub fn holds_at_most(self, records: usize) -> Self {
        Self { most_held: Some(records), ..self }
    }

    /// No instance loses partitions because the group does without it: for a history in which nothing befalls the
    /// members themselves. By default they may.
    #[must_use]
    pub fn misses_nobody(self) -> Self {
        Self { misses_nobody: true, ..self }
    }

    /// A partition that is asked back is given back when its calls have ended, unless they take longer than this; by
    /// default whenever.
    #[must_use]
    pub fn hands_over_within(self, time: Duration) -> Self {
        Self { hands_over_within: Some(time), ..self }
    }
}

/// How the records of a topic are worked on.
#[derive(Clone, Debug)]
pub struct Subscribed {
    pub(crate) order: Order,
    pub(crate) most: u32,
    pub(crate) delay: Duration,
    pub(crate) letters: Option<Arc<str>>,
    pub(crate) skips: bool,
}

/// Which records keep their order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    Partition,
    Key,
    None,
}

impl Subscribed {
    /// One record of a partition after the other.
    pub fn by_partition() -> Self {
        Self::ordered(Order::Partition)
    }

    /// One record of a key after the other.
    pub fn by_key() -> Self {
        Self::ordered(Order::Key)
    }

    /// In any order.
    pub fn unordered() -> Self {
        Self::ordered(Order::None)
    }

    fn ordered(order: Order) -> Self {
        Self { order, most: 1, delay: Duration::ZERO, letters: None, skips: false }
    }

    /// A call that fails is tried again until there were so many; 1 by default.
    #[must_use]
    pub fn attempts(self, most: u32) -> Self {
        Self { most, ..self }
    }

    /// It is tried again no earlier than after this time.
    #[must_use]
    pub fn delay(self, least: Duration) -> Self {
        Self { delay: least, ..self }
    }

    /// What fails for good goes to this topic.
    #[must_use]
    pub fn dead_letter(self, topic: impl Into<Arc<str>>) -> Self {
        Self { letters: Some(topic.into()), ..self }
    }

    /// What fails for good is skipped.
    #[must_use]
    pub fn skip_failures(self) -> Self {
        Self { skips: true, ..self }
    }
}
