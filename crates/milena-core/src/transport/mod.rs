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
mod transactional;
mod transactions;

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
    transactional::{Transaction, TransactionalProducer},
    transactions::{GroupMetadata, Transactions},
};

use crate::error::{Error, ErrorKind};
use std::{pin::Pin, sync::Arc, time::Duration};

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

    /// A transactional producer of this id, whose transactions the broker aborts when they are open for longer
    /// than `timeout`. What an earlier one of the id left open is over when it is ready.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::error::ErrorKind::Config) without an implementation; or no broker could do it.
    fn transactions(
        &self,
        id: Arc<str>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Arc<dyn Transactions>, Error>> {
        let _ = timeout;
        let message = format!("could not begin transactions as `{id}`: the transport has none");
        Box::pin(std::future::ready(Err(Error::new(ErrorKind::Config, message))))
    }
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

    fn transactions(
        &self,
        id: Arc<str>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Arc<dyn Transactions>, Error>> {
        (**self).transactions(id, timeout)
    }
}
