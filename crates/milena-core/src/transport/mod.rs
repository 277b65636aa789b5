//! What a driver implements to reach a broker.
//!
//! The traits are whole chunks and whole events wide, so that calling them through `dyn` costs
//! nothing a record. Nothing in them blocks or needs a particular async runtime.

pub mod config;
mod consumer;
mod membership;
mod partitioner;
mod pattern;
mod producer;
mod receipt;
mod security;
mod topic;

pub use self::{
    config::{
        Acks, Assignment, Compression, ConsumerConfig, GroupProtocol, IsolationLevel, Partitioner,
        ProducerConfig,
    },
    consumer::{Consumer, Event, Fetch, Lookup},
    membership::{Membership, Reset, Selection, StartAt},
    partitioner::partition_for,
    pattern::{Captures, Pattern},
    producer::{Full, Producer},
    receipt::{Delivered, Receipt, Receive, Witness},
    security::{DynTokenProvider, Gssapi, Pem, Secret, Tls, Token, TokenProvider},
    topic::{Creation, NewTopic, TopicDescription},
};

use crate::error::Error;
use std::{pin::Pin, sync::Arc};

/// A future that a trait object returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to reach a broker.
pub trait Transport: Send + Sync + 'static {
    /// A new consumer, which begins to join its group.
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>>;

    /// A producer.
    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>>;

    /// Creates the topics that do not exist yet, and says of each what became of it.
    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<Vec<Creation>, Error>>;

    /// What the broker knows of these topics; `None` of those that do not exist.
    fn describe_topics(
        &self,
        topics: Vec<Arc<str>>,
    ) -> BoxFuture<'_, Result<Vec<Option<TopicDescription>>, Error>>;
}

impl Transport for Box<dyn Transport> {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        (**self).consumer(membership)
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        (**self).producer()
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<Vec<Creation>, Error>> {
        (**self).create_topics(topics)
    }

    fn describe_topics(
        &self,
        topics: Vec<Arc<str>>,
    ) -> BoxFuture<'_, Result<Vec<Option<TopicDescription>>, Error>> {
        (**self).describe_topics(topics)
    }
}
