mod id;
mod typed;
mod untyped;

pub use self::{id::PublisherId, typed::Typed};

use crate::{
    error::{BoxError, Error, ErrorKind},
    extract::IntoKey,
    reply::{Binding, Item, Outlet, ProducerRecord, Publish, SendAllError, Sent},
    transport::{Delivered, partition_for},
};
use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

/// How long a publisher whose target says `autoflush` waits until its producer is empty.
const FLUSH_WITHIN: Duration = Duration::from_secs(30);

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
/// A `Publisher<T>` publishes values of `T` to one topic. A router or an app makes it when it is assembled,
/// and then it works everywhere, also outside of handlers, for as long as the service runs:
///
/// ```
/// # use milena_core::{Json, Publisher, error::Error};
/// # use schemars::JsonSchema;
/// # use serde::Serialize;
/// # #[derive(Serialize, JsonSchema)] struct Invoice { cents: u32 }
/// async fn correct(invoices: Publisher<Json<Invoice>>) -> Result<(), Error> {
///     invoices.send(Json(Invoice { cents: 100 })).await?;
///     invoices.send(("ada", Json(Invoice { cents: 200 }))).await?; // with a key
///     Ok(())
/// }
/// ```
///
/// | method | returns when |
/// |---|---|
/// | [`publish`](Self::publish), [`send`](Self::send), [`send_all`](Self::send_all) | the broker has all of it |
/// | [`enqueue`](Self::enqueue) | there was room for the record; what comes of it is told by [`Sent`] |
/// | [`request`](Self::request) | it was answered, or the time is over |
/// | [`flush`](Self::flush) | the broker has answered for everything, or the time is over |
///
/// Before its service has started, and when it has ended, each of them fails with
/// [`NotRunning`](ErrorKind::NotRunning).
///
/// What is made of a value gets the header `content-type`, that of its format, and from a `Publisher<T>`
/// also `correlation_id`, a new UUID; unless it has them already or the target is [`bare`](Publish::bare).
/// Headers of the target stand before those of the value, which win.
pub struct Publisher<T = ProducerRecord> {
    source: Source,
    values: PhantomData<fn(T)>,
}

#[derive(Clone)]
enum Source {
    /// A running service.
    Outlet(Arc<Outlet>),
    /// A service that may run.
    Binding(Arc<Binding>),
}

impl<T> Publisher<T> {
    pub(super) fn bound(binding: Arc<Binding>) -> Self {
        Self { source: Source::Binding(binding), values: PhantomData }
    }

    /// Where it publishes to, with the prefixes of the routers around it; `None` for one that is told with each
    /// value.
    pub fn target(&self) -> Option<Arc<Publish>> {
        match &self.source {
            Source::Outlet(_) => None,
            Source::Binding(binding) => Some(binding.target()),
        }
    }

    /// Which publisher it is, the same for all its clones; `None` for one that is a handler's argument.
    pub fn id(&self) -> Option<PublisherId> {
        match &self.source {
            Source::Outlet(_) => None,
            Source::Binding(binding) => Some(PublisherId::new(binding)),
        }
    }

    /// Publishes `item`, which is a value of `T` or one with [parts](crate::reply::RecordPart) before it, and
    /// waits until the broker has it.
    ///
    /// # Errors
    ///
    /// It cannot be written, makes more or fewer records than one, or was refused.
    ///
    /// # Cancel safety
    ///
    /// A record that was handed over is published even if the future is dropped.
    pub async fn send(&self, item: impl Item<T>) -> Result<Delivered, Error> {
        self.enqueue(item).await.await
    }

    /// Publishes `items`, all at once, and waits until the broker has answered for all of them. Each
    /// has a key, headers, a timestamp and a partition of its own, if it brings them.
    ///
    /// The result has the records in their order. One that cannot be written keeps all from being sent.
    ///
    /// # Errors
    ///
    /// At least one was refused. The error tells which were, and where the others are.
    ///
    /// # Cancel safety
    ///
    /// Records that were handed over are published even if the future is dropped.
    pub async fn send_all<I: Item<T>>(
        &self,
        items: impl IntoIterator<Item = I>,
    ) -> Result<Vec<Delivered>, SendAllError> {
        let (to, outlet) = self.outlet();
        let outlet = outlet.map_err(|error| SendAllError::of(0, error))?;
        let mut records = Vec::new();
        for item in items {
            let written = item.write(&to).map_err(|error| unwritten("value", to.topic(), error));
            let written = written.map_err(|error| SendAllError::of(records.len(), error))?;
            records.extend(written.into_iter().map(|record| self.signed(record)));
        }
        let delivered = outlet.send_all(records).await?;
        flush(&to, &outlet).await.map_err(|error| SendAllError::of(0, error))?;
        Ok(delivered)
    }

    /// Hands `item` over, waiting only for room, and gives back what will tell how it ended.
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
    pub async fn enqueue(&self, item: impl Item<T>) -> Sent {
        let (to, outlet) = self.outlet();
        let written = outlet.and_then(|outlet| Ok((self.one(&to, item)?, outlet)));
        let (record, outlet) = match written {
            Ok(written) => written,
            Err(error) => return Sent::failed(error),
        };
        let sent = outlet.enqueue(record).await;
        match flush(&to, &outlet).await {
            Ok(()) => sent,
            Err(error) => Sent::failed(error),
        }
    }

    /// Waits until the broker has answered for every record that was handed over, in about this time at
    /// most, and says for how many it has not. Records of all who share the producer count, those of the
    /// service among them. Of a service that does not run there are none.
    pub async fn flush(&self, within: Duration) -> usize {
        match self.outlet().1 {
            Ok(outlet) => outlet.producer().flush(within).await,
            Err(_) => 0,
        }
    }

    /// How many partitions the topic has.
    ///
    /// # Errors
    ///
    /// [`UnknownTopic`](ErrorKind::UnknownTopic) when it does not exist; or nobody could say.
    pub async fn partitions(&self, topic: impl Into<Arc<str>>) -> Result<i32, Error> {
        self.outlet().1?.producer().partitions(topic.into()).await
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
        match self.partitions(topic.clone()).await? {
            partitions @ 1.. => Ok(partition_for(&key, partitions)),
            _ => Err(Error::new(
                ErrorKind::UnknownTopic,
                format!("could not choose a partition of topic `{topic}`: it has none"),
            )),
        }
    }

    /// Where what it takes goes, and through what.
    fn outlet(&self) -> (Arc<Publish>, Result<Arc<Outlet>, Error>) {
        match &self.source {
            Source::Outlet(outlet) => (Arc::new(Publish::anywhere()), Ok(outlet.clone())),
            Source::Binding(binding) => binding.outlet(),
        }
    }

    /// The only record of an item, which is from this publisher.
    fn one<V>(&self, to: &Publish, item: impl Item<V>) -> Result<ProducerRecord, Error> {
        Ok(self.signed(one(to, item)?))
    }

    /// The record, as one from this publisher.
    fn signed(&self, mut record: ProducerRecord) -> ProducerRecord {
        // One without an identity passes on what others have asked it to.
        if let Some(id) = self.id() {
            record.attached.publisher = Some(id);
        }
        record
    }
}

/// The only record of an item.
fn one<T>(to: &Publish, item: impl Item<T>) -> Result<ProducerRecord, Error> {
    let mut records =
        item.write(to).map_err(|error| unwritten("value", to.topic(), error))?.into_iter();
    match (records.next(), records.len()) {
        (Some(record), 0) => Ok(record),
        (first, others) => {
            let (topic, records) = (to.topic(), others + usize::from(first.is_some()));
            let message = format!(
                "could not publish to topic `{topic}`: the value makes {records} records, and one is sent at a time; `send_all` takes several"
            );
            Err(Error::new(ErrorKind::Publish, message))
        }
    }
}

/// Waits until the producer is empty, if the target says so.
async fn flush(to: &Publish, outlet: &Outlet) -> Result<(), Error> {
    if !to.flushes() {
        return Ok(());
    }
    match outlet.producer().flush(FLUSH_WITHIN).await {
        0 => Ok(()),
        left => Err(Error::new(
            ErrorKind::TimedOut,
            format!(
                "could not flush behind topic `{}`: {left} records are not answered after {FLUSH_WITHIN:?}",
                to.topic()
            ),
        )),
    }
}

fn unwritten(what: &str, topic: &str, error: BoxError) -> Error {
    let message = format!("could not write the {what} for topic `{topic}`: {error}");
    Error::new(ErrorKind::Publish, message).with_source(error)
}

impl<T> Clone for Publisher<T> {
    fn clone(&self) -> Self {
        Self { source: self.source.clone(), values: PhantomData }
    }
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Outlet(_) => f.write_str("Publisher"),
            Source::Binding(binding) => {
                f.debug_tuple("Publisher").field(binding.target().topic()).finish()
            }
        }
    }
}

#[cfg(test)]
mod tests;
