use super::{BoxFuture, Delivered, Receipt};
use crate::{
    error::Error,
    reply::{ProducerRecord, SendAllError, Waiter},
};
use std::{fmt, sync::Arc, time::Duration};

/// Publishes records.
pub trait Producer: Send + Sync + 'static {
    /// Takes the record, and gives the receipt back when the broker has answered. It does not wait.
    /// Records of one partition are written in the order in which they were taken.
    ///
    /// # Errors
    ///
    /// There is no room now; record and receipt come back. Every other failure is told by the receipt.
    fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>>;

    /// The same for a record that the caller keeps.
    ///
    /// Without an implementation a clone of it is enqueued; a producer that copies records anyway can do without.
    ///
    /// # Errors
    ///
    /// There is no room now; the receipt comes back.
    fn enqueue_copy(&self, record: &ProducerRecord, receipt: Receipt) -> Result<(), Receipt> {
        self.enqueue(record.clone(), receipt).map_err(|full| full.receipt)
    }

    /// Waits until there may be room again.
    fn room(&self) -> BoxFuture<'_, ()>;

    /// Waits until the broker has answered for every record, in about this time at most, and says
    /// for how many it has not.
    fn flush(&self, within: Duration) -> BoxFuture<'_, usize>;

    /// How many partitions the topic has, as far as the producer knows by now.
    fn partitions(&self, topic: Arc<str>) -> BoxFuture<'_, Result<i32, Error>>;

    /// Asks whether a broker answers, in about this time.
    ///
    /// Without an implementation it says yes: a broker inside the process is always there.
    fn reach(&self, within: Duration) -> BoxFuture<'_, Result<(), Error>> {
        let _ = within;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Waits until the producer is not to go on, and says why, once. The service ends with that.
    ///
    /// Without an implementation it waits for ever: each failure is that of a record.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: the next one says it.
    fn failed(&self) -> BoxFuture<'_, Error> {
        Box::pin(std::future::pending())
    }
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
    /// At least one was refused. The error tells which were, and where the others are.
    ///
    /// # Cancel safety
    ///
    /// Records that were handed over are published even if the future is dropped.
    pub async fn send_all(
        &self,
        records: Vec<ProducerRecord>,
    ) -> Result<Vec<Delivered>, SendAllError> {
        let waiter = Arc::new(Waiter::new(records.iter().map(|_| None)));
        for (token, record) in records.into_iter().enumerate() {
            self.hand_over(record, Receipt::new(waiter.clone(), token as u64)).await;
        }
        std::future::poll_fn(|cx| waiter.poll(cx)).await
    }

    /// Enqueues the record, waiting for room.
    pub(crate) async fn hand_over(&self, record: ProducerRecord, receipt: Receipt) {
        let mut refused = self.enqueue(record, receipt).err();
        while let Some(full) = refused {
            self.room().await;
            refused = self.enqueue(full.record, full.receipt).err();
        }
    }
}

impl fmt::Debug for dyn Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Producer")
    }
}
