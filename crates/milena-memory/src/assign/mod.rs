//! Who is to have what.

mod balance;
mod eager;

pub(crate) use self::{
    balance::balance,
    eager::{range, round_robin},
};

use milena_core::record::TopicPartition;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A partition of a topic, in an order.
pub(crate) type Place = (Arc<str>, i32);

/// The partitions that each member is to have.
pub(crate) type Target = BTreeMap<u64, BTreeSet<Place>>;

/// The topics that each member subscribes to.
pub(crate) type Subscribed = BTreeMap<u64, BTreeSet<Arc<str>>>;

/// The place of a partition.
pub(crate) fn place(at: &TopicPartition) -> Place {
    (at.topic.clone(), at.partition)
}

/// The partition of a place.
pub(crate) fn partition((topic, partition): &Place) -> TopicPartition {
    TopicPartition::new(topic.clone(), *partition)
}
