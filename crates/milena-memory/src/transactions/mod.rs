//! Transactions, as the coordinators of a Kafka have them.

mod client;
mod coordinator;
mod seat;
mod steps;

pub(crate) use self::{client::MemoryTransactions, seat::Coordinator};

use milena_core::error::{Error, ErrorKind};
use std::sync::Arc;

/// The producer that has, or had, an id.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) id: Arc<str>,
    /// Each producer has another number, which is what Kafka has as producer id and epoch.
    pub(crate) producer: u64,
}

/// A call of a transactional producer, for [`Faults`](crate::Faults) to strike.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum TransactionStep {
    /// A new transactional producer: `Transport::transactions`.
    Start,
    /// `Transactions::begin`.
    Begin,
    /// `Transactions::send_offsets`.
    SendOffsets,
    /// `Transactions::commit`.
    Commit,
    /// `Transactions::abort`.
    Abort,
}

impl TransactionStep {
    /// Says that this could not be done.
    pub(crate) fn error(self, kind: ErrorKind, id: &str, cause: &str) -> Error {
        let what = match self {
            Self::Start => format!("begin transactions as `{id}`"),
            Self::Begin => format!("begin a transaction of `{id}`"),
            Self::SendOffsets => format!("send offsets in a transaction of `{id}`"),
            Self::Commit => format!("commit a transaction of `{id}`"),
            Self::Abort => format!("abort a transaction of `{id}`"),
        };
        Error::new(kind, format!("could not {what}: {cause}"))
    }
}
