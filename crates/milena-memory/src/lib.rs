//! The in-process broker of Milena.
//!
//! [`Memory`] is a [`Transport`]: a service runs on it unchanged, with consumer groups, cooperative
//! rebalances, committed offsets, transactions, and offsets that hold no record. It needs no async runtime, and but
//! for [the time of transactions](#transactions) it has no clock and no thread of its own, so tests on it run with time paused.
//!
//! What differs from Kafka: everything is in this process. There is no clock, so a member that never
//! answers a revoke keeps its partitions, and what happens with time ([retention](Memory::delete_records),
//! [compaction](Memory::compact), the [end](Memory::expire) of a static member's session) happens when it is
//! asked for. A commit for a partition that is another member's is refused. [`Faults`] makes go wrong what can.
//!
//! # Consumer groups
//!
//! Of a consumer's options these count; the others are for Kafka, and mean nothing here.
//!
//! - `group.protocol`: with `consumer` the group works as KIP-848 has it.
//! - `partition.assignment.strategy`: `cooperative-sticky`, the default, is the same thing here. In Kafka
//!   such a group rebalances in rounds that all members take part in, and refuses commits in between; here each
//!   member gives up what it is to give up by itself. With `range` and `roundrobin` a rebalance takes
//!   everything from everybody, and deals it out by the rule of that name when all of it is released. Members
//!   that have nothing in common do not get into the same group, also not a `consumer` and a `range`.
//! - `group.instance.id`: a static member. When it leaves, its part is kept for the next member of this name; when
//!   one comes while it is there, it is fenced. (In Kafka, with the `consumer` protocol, the one that comes is refused.)
//! - `exclude.internal.topics`: with `false` patterns take topics that begin with `__`, too.
//! - `isolation.level`: with `read_uncommitted` it reads what is in open transactions and what was aborted, and does not
//!   wait for offsets that an open transaction may commit.
//!
//! A consumer that names its partitions is in no group; it commits only while the group has no members, as in Kafka.
//!
//! # Transactions
//!
//! They are as in Kafka: the end of one takes an offset in each partition that it wrote to, consumers read up to the
//! first record of one that is open, and a new producer of a transactional id ends what the one before left open. Their
//! time counts from the first record or offset, on tokio's clock, and not at all outside of its runtime. A plain commit
//! is no part of a transaction. Each generation of a group begins with a rebalance, also with one that moves what
//! was released; offsets that a member sends with a transaction are refused behind that.

mod after;
mod assign;
mod broker;
mod changed;
mod consumer;
mod faults;
mod group;
mod inspect;
mod log;
mod lookup;
mod member;
mod producer;
mod terms;
mod time;
mod topics;
mod transactions;

pub use self::{
    changed::Changed,
    faults::{Faults, Fired},
    transactions::TransactionStep,
};

use self::{
    broker::Broker, consumer::MemoryConsumer, producer::MemoryProducer,
    transactions::MemoryTransactions,
};
use milena_core::{
    error::Error,
    reply::ProducerRecord,
    transport::{
        BoxFuture, Consumer, Creation, Delivered, Membership, NewTopic, Producer, TopicDescription,
        Transactions, Transport,
    },
};
use std::{
    fmt,
    future::ready,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A broker in this process.
///
/// It is a handle: clones of it are the same broker. A topic comes into being when it is first
/// written or subscribed to.
///
/// ```
/// use milena_core::ProducerRecord;
/// use milena_memory::Memory;
///
/// # fn main() -> Result<(), milena_core::Error> {
/// let memory = Memory::new();
/// memory.create_topic("orders", 3);
///
/// let delivered = memory.produce(ProducerRecord::new("orders").key("ada").value("{}"))?;
///
/// assert_eq!(memory.end("orders", delivered.partition), 1);
/// assert_eq!(memory.records("orders")[0].key(), Some(&b"ada"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Broker>>);

impl Memory {
    /// A broker without topics.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this many partitions for each topic that is made without saying how many; 1 by default.
    ///
    /// # Panics
    ///
    /// If it is less than one.
    #[must_use]
    #[track_caller]
    pub fn default_partitions(self, partitions: i32) -> Self {
        assert!(
            partitions > 0,
            "could not make topics of {partitions} partitions: that is too few"
        );
        self.with(|broker| broker.topics.default_partitions = partitions);
        self
    }

    /// Without topics that come into being by themselves: to write or subscribe to one that was not
    /// created is an error of kind `UnknownTopic`.
    #[must_use]
    pub fn without_auto_create(self) -> Self {
        self.with(|broker| broker.topics.auto_create = false);
        self
    }

    /// With at most this many records in a chunk; 500 by default. It counts for members that join later.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_chunk(self, records: usize) -> Self {
        assert!(records > 0, "could not make chunks of 0 records: a chunk is never empty");
        self.with(|broker| broker.settings.max_chunk = records);
        self
    }

    /// With this time for the answer to a revoke; a minute by default. Members are told, and as there
    /// is no clock, not held to it. It counts for members that join later.
    #[must_use]
    pub fn revoke_within(self, time: Duration) -> Self {
        self.with(|broker| broker.settings.revoke_within = time);
        self
    }

    /// Creates a topic with this many partitions; one that exists stays as it is.
    ///
    /// # Panics
    ///
    /// If that is less than one partition.
    #[track_caller]
    pub fn create_topic(&self, name: impl Into<Arc<str>>, partitions: i32) {
        let name = name.into();
        assert!(
            partitions > 0,
            "could not create topic `{name}`: {partitions} partitions are too few"
        );
        self.with(|broker| broker.create_topic(&name, partitions));
    }

    /// Raises a topic to this many partitions in all, and the groups that subscribe to it rebalance.
    /// A topic that is unknown is created; one that has as many stays as it is.
    ///
    /// # Panics
    ///
    /// If that is less than one partition.
    #[track_caller]
    pub fn add_partitions(&self, topic: impl Into<Arc<str>>, total: i32) {
        let topic = topic.into();
        assert!(total > 0, "could not raise topic `{topic}`: {total} partitions are too few");
        self.with(|broker| broker.add_partitions(&topic, total));
    }

    /// Appends offsets that hold no record, as a transaction marker does.
    ///
    /// # Panics
    ///
    /// If there is no such partition.
    #[track_caller]
    pub fn skip_offsets(&self, topic: &str, partition: i32, offsets: u32) {
        let skipped = self.with(|broker| broker.skip_offsets(topic, partition, offsets));
        assert!(skipped, "could not skip offsets of `{topic}/{partition}`: no such partition");
    }

    /// Publishes a record, past every producer and whatever its deliveries wait for.
    ///
    /// ```
    /// # use milena_core::ProducerRecord;
    /// # use milena_memory::Memory;
    /// let delivered = Memory::new().produce(ProducerRecord::new("orders").value("{}"));
    /// assert_eq!(delivered.unwrap().offset, 0);
    /// ```
    ///
    /// # Errors
    ///
    /// The topic or its partition does not exist, or one of the [`Faults`] refuses the record.
    pub fn produce(&self, record: ProducerRecord) -> Result<Delivered, Error> {
        self.with(|broker| broker.write(record, None))
    }

    /// The faults that can be asked for.
    pub fn faults(&self) -> Faults {
        Faults::new(self.clone())
    }

    /// Works on the broker under its lock. What calls the code of others waits in
    /// [`After`](after::After) until the lock is free, as that code may come back for it.
    fn with<T>(&self, act: impl FnOnce(&mut Broker) -> T) -> T {
        let mut broker = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut broker);
        let after = std::mem::take(&mut broker.after);
        drop(broker);
        after.run();
        result
    }
}

impl Transport for Memory {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        Box::pin(async { Ok(Box::new(MemoryConsumer::new(self.clone(), membership)) as _) })
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        Box::pin(async { Ok(Arc::new(MemoryProducer::new(self.clone())) as _) })
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<Vec<Creation>, Error>> {
        Box::pin(async move { self.with(|broker| broker.create_topics(&topics)) })
    }

    fn describe_topics(
        &self,
        topics: Vec<Arc<str>>,
    ) -> BoxFuture<'_, Result<Vec<Option<TopicDescription>>, Error>> {
        let described = self.with(|broker| {
            let describe =
                |name: &Arc<str>| broker.topics.get(name).map(|topic| topic.describe(name));
            topics.iter().map(describe).collect()
        });
        Box::pin(ready(Ok(described)))
    }

    fn transactions(
        &self,
        id: Arc<str>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Arc<dyn Transactions>, Error>> {
        let started = MemoryTransactions::start(self.clone(), id, timeout);
        Box::pin(async { Ok(Arc::new(started.await?) as _) })
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}
