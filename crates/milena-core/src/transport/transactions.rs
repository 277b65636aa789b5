use super::{BoxFuture, Producer};
use crate::{error::Error, record::TopicPartition};
use std::{any::Any, fmt, sync::Arc};

/// A transactional producer: what it publishes between [`begin`](Self::begin) and [`commit`](Self::commit) is read
/// together with the offsets that were sent with it, or not at all (KIP-98, KIP-447).
///
/// There is one for an id. Making another of the same id, wherever it is, ends the transaction that the one before
/// may have left open, and fences that one.
///
/// Each call takes what the one before has left; one at a time, in this order: `begin`, records by the
/// [`producer`](Self::producer), `send_offsets`, `commit` or `abort`. What went wrong is told by the kind of the error:
///
/// | kind | what holds | what is left to do |
/// |---|---|---|
/// | [`Aborted`](crate::error::ErrorKind::Aborted) | nothing of the transaction will be read | `abort`, then `begin` anew |
/// | [`Fenced`](crate::error::ErrorKind::Fenced) | the transaction is aborted, and this one can do nothing more | drop it |
/// | any other | the outcome is unknown | drop it, make a new one, and look up what is committed |
///
/// Of a `commit` that is fenced, the broker may have done it before another took the id, with its answer lost: what is
/// committed is looked up then as well. A session that is being made ends the one before it also if nobody waits for it
/// any more.
///
/// A driver calls again by itself what can be called again, within the time of the transaction.
pub trait Transactions: Send + Sync + 'static {
    /// The producer whose records are part of the open transaction. Without one it refuses them.
    fn producer(&self) -> &Arc<dyn Producer>;

    /// Begins a transaction.
    fn begin(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// Makes these offsets of the group part of the transaction: what was read before them is done.
    ///
    /// They are refused when the group has gone on since `metadata` was taken.
    fn send_offsets(
        &self,
        offsets: Vec<(TopicPartition, i64)>,
        metadata: GroupMetadata,
    ) -> BoxFuture<'_, Result<(), Error>>;

    /// Waits for the broker's answers to all records, and commits.
    fn commit(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// Takes everything back that was published or sent since `begin`. Without an open transaction it does nothing.
    fn abort(&self) -> BoxFuture<'_, Result<(), Error>>;
}

impl fmt::Debug for dyn Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transactions")
    }
}

/// Who a member of a group is, and since which generation, as its driver knows it.
#[derive(Clone)]
pub struct GroupMetadata(Arc<dyn Any + Send + Sync>);

impl GroupMetadata {
    /// What the driver has of it.
    pub fn new(metadata: impl Any + Send + Sync) -> Self {
        Self(Arc::new(metadata))
    }

    /// What the driver put in; `None` if it is that of another driver.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for GroupMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupMetadata")
    }
}
