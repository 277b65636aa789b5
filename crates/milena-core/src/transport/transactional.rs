use super::{GroupMetadata, Transactions, Transport};
use crate::{
    error::Error,
    record::TopicPartition,
    reply::{IntoRecords, Publish, Publisher},
};
use std::{sync::Arc, time::Duration};

/// Publishes in transactions that begin and end where a program says.
///
/// A service needs none of this: `Router::exactly_once` does it, with everything that can go wrong. This is for programs
/// that have no handlers: what they publish in a transaction is seen whole, or not at all.
///
/// ```
/// # use milena_core::{Transport, error::Error, transport::TransactionalProducer};
/// # use std::time::Duration;
/// async fn close_the_day(kafka: &impl Transport) -> Result<(), Error> {
///     let mut producer = TransactionalProducer::open(kafka, "closing", Duration::from_secs(10)).await?;
///     let transaction = producer.begin().await?;
///     transaction.publish("totals", ("2026-11-28", "17 orders")).await?;
///     transaction.publish("days", ("2026-11-28", "closed")).await?;
///     transaction.commit().await
/// }
/// ```
///
/// There is one transaction at a time, and what is over cannot be published in: the compiler sees to both.
///
/// ```compile_fail,E0382
/// # use milena_core::{error::Error, transport::TransactionalProducer};
/// # async fn example(mut producer: TransactionalProducer) -> Result<(), Error> {
/// let transaction = producer.begin().await?;
/// transaction.commit().await?;
/// transaction.publish("totals", "too late").await // it is over
/// # }
/// ```
///
/// ```compile_fail,E0499
/// # use milena_core::{error::Error, transport::TransactionalProducer};
/// # async fn example(mut producer: TransactionalProducer) -> Result<(), Error> {
/// let one = producer.begin().await?;
/// let other = producer.begin().await?; // the first is open
/// one.commit().await
/// # }
/// ```
#[derive(Debug)]
pub struct TransactionalProducer {
    transactions: Arc<dyn Transactions>,
    publisher: Publisher,
    /// Whether the last transaction was neither committed nor aborted.
    left_open: bool,
}

impl TransactionalProducer {
    /// A producer of this transactional id, whose transactions the broker aborts when they are open for longer than
    /// `timeout`. It ends what an earlier one of the id left open, and fences that one.
    ///
    /// # Errors
    ///
    /// The transport has no transactions, or no broker could do it.
    pub async fn open(
        transport: &(impl Transport + ?Sized),
        id: impl Into<Arc<str>>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let transactions = transport.transactions(id.into(), timeout).await?;
        let publisher = Publisher::new(transactions.producer().clone());
        Ok(Self { transactions, publisher, left_open: false })
    }

    /// Begins a transaction. One that was dropped before its end is aborted first.
    ///
    /// # Errors
    ///
    /// [`Fenced`](crate::error::ErrorKind::Fenced) when another producer has the id by now; behind any error this one can
    /// do nothing more.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, Error> {
        if self.left_open {
            self.transactions.abort().await?;
        }
        self.transactions.begin().await?;
        self.left_open = true;
        Ok(Transaction(self))
    }
}

/// An open transaction. When it is dropped, it is aborted by the next, or by the broker when its time is over.
#[derive(Debug)]
#[must_use = "what was published in it is seen when it is committed"]
pub struct Transaction<'a>(&'a mut TransactionalProducer);

impl Transaction<'_> {
    /// Publishes `value`, and waits until the broker has all records of it. They are seen when the transaction is committed.
    ///
    /// # Errors
    ///
    /// The value cannot be written, or a record was refused. Then the transaction can only be aborted.
    ///
    /// # Cancel safety
    ///
    /// Records that were handed over are part of the transaction even if the future is dropped.
    pub async fn publish(
        &self,
        to: impl Into<Publish>,
        value: impl IntoRecords,
    ) -> Result<(), Error> {
        self.0.publisher.publish(to, value).await
    }

    /// Makes it part of the transaction that everything before these offsets is done, for the group of the
    /// [consumer](super::Consumer::group_metadata) whose `metadata` this is.
    ///
    /// # Errors
    ///
    /// [`Aborted`](crate::error::ErrorKind::Aborted) when the group has gone on since; the transaction can only be aborted.
    pub async fn send_offsets(
        &self,
        offsets: Vec<(TopicPartition, i64)>,
        metadata: GroupMetadata,
    ) -> Result<(), Error> {
        self.0.transactions.send_offsets(offsets, metadata).await
    }

    /// Waits for the broker's answers, and commits.
    ///
    /// # Errors
    ///
    /// [`Aborted`](crate::error::ErrorKind::Aborted): nothing of it will be seen, and the next transaction can begin. Of
    /// any other kind but [`Fenced`](crate::error::ErrorKind::Fenced) the outcome is unknown, and the producer is to be
    /// dropped: another one of the id ends the transaction, one way or the other.
    pub async fn commit(self) -> Result<(), Error> {
        self.0.transactions.commit().await?;
        self.0.left_open = false;
        Ok(())
    }

    /// Takes everything back that was published in it.
    ///
    /// # Errors
    ///
    /// The producer can do nothing more.
    pub async fn abort(self) -> Result<(), Error> {
        self.0.transactions.abort().await?;
        self.0.left_open = false;
        Ok(())
    }
}
