//! A transport that gives a test topics, groups and transactional ids of its own.

mod consumer;
mod names;
mod producer;
mod topics;
mod transactions;

use self::{
    consumer::IsolatedConsumer, names::Names, producer::IsolatedProducer, topics::Topics,
    transactions::IsolatedTransactions,
};
use milena_core::{
    error::Error,
    transport::{
        BoxFuture, Consumer, Creation, Membership, NewTopic, Producer, TopicDescription,
        Transactions, Transport,
    },
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::runtime::Handle;

/// A transport whose topics, groups and transactional ids have names of their own at the broker, so that tests that run
/// side by side on one Kafka do not see each other.
///
/// Services do not notice: records, partitions, errors and lookups have the plain names. A topic that
/// is first written or subscribed to is created, as the embedded broker does it and Kafka mostly does
/// not. It is a handle: clones of it have the same names.
///
/// At the broker a name is `milena-test-`, something unique, a dot, and the plain name. Topics stay there when
/// the test is over, for you to look at; to delete them is one call of
/// `kafka-topics.sh --delete --topic 'milena-test-.*'`.
///
/// ```
/// use milena_memory::Memory;
/// use milena_test::Isolated;
///
/// let broker = Memory::new();
/// let (one, two) = (Isolated::new(broker.clone()), Isolated::new(broker));
/// assert!(one.name_of("orders").ends_with(".orders"));
/// assert_ne!(one.name_of("orders"), two.name_of("orders"));
/// ```
#[derive(Clone)]
pub struct Isolated(Arc<Shared>);

/// What an isolated transport shares with its consumers and producers.
struct Shared {
    transport: Box<dyn Transport>,
    names: Names,
    topics: Topics,
    partitions: i32,
    creates: bool,
}

impl Isolated {
    /// New names on this transport.
    pub fn new(transport: impl Transport) -> Self {
        Self::with(Box::new(transport), 1, true)
    }

    /// With this many partitions for each topic that is created because it is used; 1 by default.
    ///
    /// # Panics
    ///
    /// If it is less than one, or the transport is in use already.
    #[must_use]
    #[track_caller]
    pub fn default_partitions(self, partitions: i32) -> Self {
        assert!(
            partitions > 0,
            "could not make topics of {partitions} partitions: that is too few"
        );
        self.change(|shared| shared.partitions = partitions)
    }

    /// Without topics that come into being by themselves: to use one that was not created is an error.
    ///
    /// # Panics
    ///
    /// If the transport is in use already.
    #[must_use]
    #[track_caller]
    pub fn without_auto_create(self) -> Self {
        self.change(|shared| shared.creates = false)
    }

    /// The name that the broker has for a topic or a group.
    pub fn name_of(&self, plain: &str) -> Arc<str> {
        self.0.names.full(plain)
    }

    /// The topics that were created or used so far, by their plain names, in order.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.0.topics.known()
    }

    fn with(transport: Box<dyn Transport>, partitions: i32, creates: bool) -> Self {
        let (names, topics) = (Names::new(), Topics::default());
        Self(Arc::new(Shared { transport, names, topics, partitions, creates }))
    }

    #[track_caller]
    fn change(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        match Arc::get_mut(&mut self.0) {
            Some(shared) => change(shared),
            None => panic!("could not change an isolated transport: it is in use already"),
        }
        self
    }
}

impl Transport for Isolated {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        Box::pin(async {
            self.0.need(topics::named(&membership.selection)).await?;
            let membership = self.0.names.membership(membership);
            let consumer = self.0.transport.consumer(membership).await;
            let consumer = consumer.map_err(|error| self.0.names.plain_error(error))?;
            Ok(Box::new(IsolatedConsumer::new(consumer, self.0.clone())) as _)
        })
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        Box::pin(async {
            let producer = self.0.transport.producer().await;
            let producer = producer.map_err(|error| self.0.names.plain_error(error))?;
            Ok(IsolatedProducer::begin(producer, self.0.clone(), Handle::current()) as _)
        })
    }

    fn transactions(
        &self,
        id: Arc<str>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Arc<dyn Transactions>, Error>> {
        // Other tests may say the same id.
        let id = self.0.names.full(&id);
        Box::pin(async move {
            let transactions = self.0.transport.transactions(id, timeout).await;
            let transactions = transactions.map_err(|error| self.0.names.plain_error(error))?;
            Ok(Arc::new(IsolatedTransactions::new(transactions, self.0.clone())) as _)
        })
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<Vec<Creation>, Error>> {
        Box::pin(self.0.create(topics))
    }

    fn describe_topics(
        &self,
        topics: Vec<Arc<str>>,
    ) -> BoxFuture<'_, Result<Vec<Option<TopicDescription>>, Error>> {
        let names = &self.0.names;
        let full = topics.iter().map(|topic| names.full(topic)).collect();
        Box::pin(async move {
            let described = self.0.transport.describe_topics(full).await;
            let plain = |topic: TopicDescription| TopicDescription {
                name: names.plain(&topic.name),
                ..topic
            };
            let described = described.map_err(|error| names.plain_error(error))?;
            Ok(described.into_iter().map(|topic| topic.map(plain)).collect())
        })
    }
}

impl fmt::Debug for Isolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Isolated({})", self.name_of("*"))
    }
}
