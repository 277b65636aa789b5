//! What a driver implements to reach a broker.
//!
//! The traits are whole chunks and whole events wide, so that calling them through `dyn` costs
//! nothing a record. Nothing in them blocks or needs a particular async runtime.

mod partitioner;
mod receipt;

pub use self::{
    partitioner::partition_for,
    receipt::{Delivered, Receipt, Receive},
};

use crate::{
    error::Error,
    record::{Chunk, Epoch, TopicPartition},
    reply::{ProducerRecord, Waiter},
};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// A future that a trait object returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to reach a broker.
pub trait Transport: Send + Sync + 'static {
    /// A new member of a consumer group, which begins to join it.
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>>;

    /// A producer.
    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>>;

    /// Creates the topics that do not exist yet.
    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<(), Error>>;
}

impl Transport for Box<dyn Transport> {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        (**self).consumer(membership)
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        (**self).producer()
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<(), Error>> {
        (**self).create_topics(topics)
    }
}

/// What a consumer joins, and where it begins to read.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The consumer group.
    pub group: Arc<str>,
    /// The topics it subscribes to.
    pub topics: Vec<Arc<str>>,
    /// Where a partition begins for which the group has committed nothing.
    pub start: StartAt,
}

/// Where a consumer group begins to read a partition for which it has committed nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum StartAt {
    /// At the oldest record there is.
    #[default]
    Earliest,
    /// Behind the newest: what was written before is never read.
    Latest,
}

/// A topic to create.
#[derive(Clone, Debug)]
pub struct NewTopic {
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions it has; `None` is the broker's default.
    pub partitions: Option<i32>,
}

impl NewTopic {
    /// A topic with the broker's default number of partitions.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), partitions: None }
    }

    /// With this many partitions.
    #[must_use]
    pub fn partitions(self, partitions: i32) -> Self {
        Self { partitions: Some(partitions), ..self }
    }
}

/// A member of a consumer group.
///
/// The methods only hand over what is wanted; what comes of it is an [`Event`].
pub trait Consumer: Send + 'static {
    /// The next thing that happened.
    ///
    /// # Cancel safety
    ///
    /// An event is given out once and lost never, however often the call is dropped.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event>;

    /// Answers [`Event::Assigned`]: reading begins, at the offsets given or else where the group left off.
    fn assign(&mut self, partitions: Vec<(TopicPartition, Option<i64>)>);

    /// Answers [`Event::Revoked`]: the group may give the partitions to others.
    fn release(&mut self, partitions: Vec<TopicPartition>);

    /// Commits that everything before these offsets is done; answered by [`Event::Committed`].
    /// There is one commit at a time.
    fn commit(&mut self, offsets: Vec<(TopicPartition, i64)>);

    /// Holds this partition back: it delivers no more, or soon, and the others run on.
    fn park(&mut self, partition: &TopicPartition);

    /// Lets a parked partition deliver again, from where it stopped.
    fn unpark(&mut self, partition: &TopicPartition);

    /// Leaves the group, in about this time at most; answered by [`Event::Closed`], the last event.
    fn close(&mut self, within: Duration);
}

/// What happens to a consumer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Records were read.
    Records(Chunk),
    /// There is nothing to read before this offset any more: what stood there was no record
    /// (a transaction marker), or is gone.
    Position(TopicPartition, Epoch, i64),
    /// Partitions became this member's. Nothing of them is read before [`Consumer::assign`].
    Assigned(Vec<(TopicPartition, Epoch)>),
    /// The group wants these partitions back, within this time. They stay this member's until [`Consumer::release`].
    Revoked(Vec<TopicPartition>, Duration),
    /// These partitions are no longer this member's; another may read them already.
    Lost(Vec<TopicPartition>),
    /// The commit ended. An error of kind [`Rebalancing`](crate::error::ErrorKind::Rebalancing) is worth another try.
    Committed(Result<(), Error>),
    /// Something is wrong for now, and the driver goes on trying.
    Trouble(Error),
    /// The consumer cannot go on; only [`Consumer::close`] is left to call.
    Failed(Error),
    /// The consumer has left; nothing comes behind this.
    Closed,
}

/// Publishes records.
pub trait Producer: Send + Sync + 'static {
    /// Takes the record, and gives the receipt back when the broker has answered. It does not wait.
    /// Records of one partition are written in the order in which they were taken.
    ///
    /// # Errors
    ///
    /// There is no room now; record and receipt come back. Every other failure is told by the receipt.
    fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>>;

    /// Waits until there may be room again.
    fn room(&self) -> BoxFuture<'_, ()>;

    /// Waits until the broker has answered for every record, in about this time at most, and says
    /// for how many it has not.
    fn flush(&self, within: Duration) -> BoxFuture<'_, usize>;
}

/// What a producer had no room for.
#[derive(Debug)]
pub struct Full {
    /// The record.
    pub record: ProducerRecord,
    /// Its receipt.
    pub receipt: Receipt,
}

impl dyn Producer {
    /// Publishes these records, waits for all of them, and says where the broker put them.
    ///
    /// # Errors
    ///
    /// One was refused; the others may have been published.
    ///
    /// # Cancel safety
    ///
    /// Records that were handed over are published even if the future is dropped.
    pub async fn send_all(&self, records: Vec<ProducerRecord>) -> Result<Vec<Delivered>, Error> {
        let waiter = Arc::new(Waiter::new(records.len()));
        for (token, record) in records.into_iter().enumerate() {
            let receipt = Receipt::new(waiter.clone(), token as u64);
            let mut refused = self.enqueue(record, receipt).err();
            while let Some(full) = refused {
                self.room().await;
                refused = self.enqueue(full.record, full.receipt).err();
            }
        }
        std::future::poll_fn(|cx| waiter.poll(cx)).await
    }
}

impl fmt::Debug for dyn Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Producer")
    }
}
