use super::{BoxFuture, GroupMetadata, Selection};
use crate::{
    error::{Error, ErrorKind},
    record::{Chunk, Epoch, TopicPartition},
};
use std::{
    fmt,
    ops::Range,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

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

    /// Who this member is, for a transaction that commits offsets of these partitions.
    ///
    /// It holds for the generation in which all of them are this member's, and is refused by the broker behind
    /// that: what it is taken for may be sent whatever happens meanwhile.
    ///
    /// # Errors
    ///
    /// [`Rebalancing`](ErrorKind::Rebalancing): one of them is not this member's now, or another generation has begun
    /// of which this member does not know yet what it has. [`Config`](ErrorKind::Config) without an implementation,
    /// or without a group.
    fn group_metadata(
        &mut self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'static, Result<GroupMetadata, Error>> {
        let _ = partitions;
        let message = "could not commit offsets in a transaction: the transport has none";
        Box::pin(std::future::ready(Err(Error::new(ErrorKind::Config, message))))
    }

    /// Goes on reading at these offsets, under a new epoch each; answered by [`Event::Moved`] for each
    /// partition that is this member's, in the order of the calls. Nothing of the old epochs comes behind that.
    fn seek(&mut self, to: Vec<(TopicPartition, i64)>);

    /// Reads this from now on, and gives up what is not part of it. Topics stay topics, and partitions
    /// partitions.
    fn select(&mut self, selection: Selection);

    /// Who answers questions about offsets, also from other tasks.
    fn lookup(&self) -> Arc<dyn Lookup>;

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
    /// Reading goes on at this offset, under a new epoch: it was asked for, or follows a reset.
    Moved(TopicPartition, Epoch, i64),
    /// The offset to go on from was not there, so reading goes on at the other one; an
    /// [`Event::Moved`] follows. What lies between is lost, or comes again when it lies behind.
    Reset {
        /// The partition.
        partition: TopicPartition,
        /// The offset that was not there.
        from: i64,
        /// Where reading goes on.
        to: i64,
    },
    /// How the fetching goes, from time to time.
    Fetches(Vec<Fetch>),
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

/// How the fetching of a partition goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetch {
    /// The partition.
    pub partition: TopicPartition,
    /// The assignment that this is of.
    pub epoch: Epoch,
    /// How long ago the broker was last asked for records of it; `None` is never.
    pub asked: Option<Duration>,
    /// How long ago it last answered, with records or without; `None` is never.
    pub answered: Option<Duration>,
    /// The offset behind the newest record that can be read, as far as it is known.
    pub end: Option<i64>,
}

/// Answers questions about offsets; each list is answered in its order.
pub trait Lookup: Send + Sync + 'static {
    /// What the group has committed; `None` is nothing. Without a group it is nothing.
    fn committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'_, Result<Vec<Option<i64>>, Error>>;

    /// The offset of the oldest record, and the one behind the newest that can be read.
    fn bounds(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'_, Result<Vec<Range<i64>>, Error>>;

    /// The offset of the first record of this time, in milliseconds since 1970, or a later one;
    /// `None` when there is none.
    fn at_time(
        &self,
        times: Vec<(TopicPartition, i64)>,
    ) -> BoxFuture<'_, Result<Vec<Option<i64>>, Error>>;
}

impl fmt::Debug for dyn Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}
