use crate::{
    error::{BoxError, Error, ErrorKind},
    extract::IntoKey,
    reply::{IntoRecords, ProducerRecord, Publish, SendAllError, Sent},
    transport::{Delivered, Producer, partition_for},
};
use std::{fmt, sync::Arc, time::Duration};

/// Publishes records.
///
/// As an argument of a handler it serves what a return value cannot say. What a handler returns
/// needs no waiting, so `publish_to` is the faster way wherever it can be used.
///
/// ```
/// # use milena_core::{Publisher, error::Error};
/// async fn audit(publisher: Publisher) -> Result<(), Error> {
///     publisher.publish("audit", ("ada", "paid")).await
/// }
/// ```
///
/// | method | returns when |
/// |---|---|
/// | [`publish`](Self::publish), [`send`](Self::send), [`send_all`](Self::send_all) | the broker has all of it |
/// | [`enqueue`](Self::enqueue) | there was room for the record; what comes of it is told by [`Sent`] |
/// | [`flush`](Self::flush) | the broker has answered for everything, or the time is over |
#[derive(Clone)]
pub struct Publisher(Arc<dyn Producer>);

impl Publisher {
    /// A publisher that hands its records to this producer.
    pub fn new(producer: Arc<dyn Producer>) -> Self {
        Self(producer)
    }

    /// Publishes `value` and waits until the broker has all records of it.
    ///
    /// # Errors
    ///
    /// The value cannot be written, or a record of it was refused. Other records of the value may have
    /// been published.
    ///
    /// # Cancel safety
    ///
    /// Records that were handed over are published even if the future is dropped.
    pub async fn publish(
        &self,
        to: impl Into<Publish>,
        value: impl IntoRecords,
    ) -> Result<(), Error> {
        let (to, mut records) = (to.into(), Vec::new());
        value
            .into_records(&to, &mut records)
            .map_err(|error| unwritten("value", to.topic(), error))?;
        self.0.send_all(records).await?;
        Ok(())
    }

    /// Publishes `record` and waits until the broker has it.
    ///
    /// # Errors
    ///
    /// It was refused.
    ///
    /// # Cancel safety
    ///
    /// A record that was handed over is published even if the future is dropped.
    pub async fn send(&self, record: ProducerRecord) -> Result<Delivered, Error> {
        self.enqueue(record).await.await
    }

    /// Publishes `records`, all at once, and waits until the broker has answered for all of them. Each
    /// has a key, headers, a timestamp and a partition of its own.
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
        self.0.send_all(records).await
    }

    /// Hands `record` over, waiting only for room, and gives back what will tell how it ended.
    ///
    /// ```
    /// # use milena_core::{ProducerRecord, Publisher, error::Error};
    /// # async fn example(publisher: Publisher) -> Result<(), Error> {
    /// let first = publisher.enqueue(ProducerRecord::new("audit").value("begun")).await;
    /// let second = publisher.enqueue(ProducerRecord::new("audit").value("done")).await;
    /// // Both are on their way.
    /// first.await?;
    /// second.await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A handler that ends before its records have arrived does not keep the record it was called with
    /// from being committed: await them, or return them to `publish_to`, which takes care of that.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the record is not published.
    pub async fn enqueue(&self, mut record: ProducerRecord) -> Sent {
        loop {
            let (sent, receipt) = Sent::new();
            let Err(full) = self.0.enqueue(record, receipt) else { return sent };
            // Who gives up while there is no room knows that it is not published.
            full.receipt.cancel();
            record = full.record;
            self.0.room().await;
        }
    }

    /// Waits until the broker has answered for every record that was handed over, in about this time at
    /// most, and says for how many it has not. Records of all who share the producer count, those of the
    /// service among them.
    pub async fn flush(&self, within: Duration) -> usize {
        self.0.flush(within).await
    }

    /// How many partitions the topic has.
    ///
    /// # Errors
    ///
    /// [`UnknownTopic`](ErrorKind::UnknownTopic) when it does not exist; or nobody could say.
    pub async fn partitions(&self, topic: impl Into<Arc<str>>) -> Result<i32, Error> {
        self.0.partitions(topic.into()).await
    }

    /// The partition that a record of this key goes to if it names none, as the default partitioner
    /// chooses it, and Java's: by the murmur2 hash of the key. An empty key is a key. A record without a
    /// key may go anywhere, so there is no such question.
    ///
    /// # Errors
    ///
    /// The key cannot be written, or the topic's partitions are not [known](Self::partitions).
    pub async fn partition_for(
        &self,
        topic: impl Into<Arc<str>>,
        key: impl IntoKey,
    ) -> Result<i32, Error> {
        let topic = topic.into();
        // Written before the wait, which the key need not outlive.
        let key = key.to_key().map_err(|error| unwritten("key", &topic, error))?;
        match self.0.partitions(topic.clone()).await? {
            partitions @ 1.. => Ok(partition_for(&key, partitions)),
            _ => Err(Error::new(
                ErrorKind::UnknownTopic,
                format!("could not choose a partition of topic `{topic}`: it has none"),
            )),
        }
    }
}

fn unwritten(what: &str, topic: &str, error: BoxError) -> Error {
    let message = format!("could not write the {what} for topic `{topic}`: {error}");
    Error::new(ErrorKind::Publish, message).with_source(error)
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Publisher")
    }
}

#[cfg(test)]
mod tests;
