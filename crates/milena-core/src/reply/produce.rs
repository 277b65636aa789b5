use crate::{
    record::{Headers, IntoHeaderValue},
    reply::{Attached, Publisher, PublisherId},
};
use bytes::Bytes;
use std::sync::Arc;

/// A record on its way to the broker.
///
/// ```
/// use milena_core::ProducerRecord;
///
/// let record = ProducerRecord::new("invoices").key("ada").value("{}").header("note", "paid");
/// assert_eq!(record.partition, None); // the key chooses it
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ProducerRecord {
    /// The topic it goes to.
    pub topic: Arc<str>,
    /// The partition; `None` leaves it to the key, as Java's default does.
    pub partition: Option<i32>,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null, a tombstone in a compacted topic.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Headers,
    /// The timestamp in milliseconds since 1970; `None` is the time at which it is handed over.
    pub timestamp: Option<i64>,
    /// The format of the value, which [`Publish::write`](crate::Publish::write) turns into the header `content-type`.
    pub content_type: Option<&'static str>,
    /// Whether it answers whoever asked for that by `reply_to`. That the broker refuses such a record is no
    /// failure of the record that it answers.
    pub answer: bool,
    /// Whether [publish layers](crate::reply::PublishLayer) have had it, which have each record once.
    pub layered: bool,
    /// What a [publish layer](crate::reply::PublishLayer) keeps with it until the broker has answered, and which
    /// publisher it [is from](Self::is_from).
    pub attached: Attached,
}

impl ProducerRecord {
    /// A record for this topic, as yet without key and value.
    pub fn new(topic: impl Into<Arc<str>>) -> Self {
        Self {
            topic: topic.into(),
            partition: None,
            key: None,
            value: None,
            headers: Headers::new(),
            timestamp: None,
            content_type: None,
            answer: false,
            layered: false,
            attached: Attached::default(),
        }
    }

    /// With this key.
    #[must_use]
    pub fn key(self, key: impl Into<Bytes>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// With this value.
    #[must_use]
    pub fn value(self, value: impl Into<Bytes>) -> Self {
        Self { value: Some(value.into()), ..self }
    }

    /// For this partition, whatever the key.
    #[must_use]
    pub fn partition(self, partition: i32) -> Self {
        Self { partition: Some(partition), ..self }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<Box<str>>, value: impl IntoHeaderValue) -> Self {
        self.headers.push(name, value);
        self
    }

    /// With this timestamp, in milliseconds since 1970.
    #[must_use]
    pub fn timestamp(self, millis: i64) -> Self {
        Self { timestamp: Some(millis), ..self }
    }

    /// With a value of this format, such as `application/json`.
    #[must_use]
    pub fn content_type(self, content_type: &'static str) -> Self {
        Self { content_type: Some(content_type), ..self }
    }

    /// With this beside it, for a layer to find again when the broker has answered. It is not published.
    #[must_use]
    pub fn attach<T: Send + Sync + 'static>(self, value: T) -> Self {
        Self { attached: self.attached.with(value), ..self }
    }

    /// What was attached of this type.
    pub fn attached<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.attached.get()
    }

    /// Whether this publisher sent it, or a clone of this publisher. Nobody in particular sends what a handler
    /// returns, or publishes by a `Publisher` that is its argument.
    ///
    /// ```
    /// use milena_core::{BoxError, ProducerRecord, Publisher};
    ///
    /// fn stamp(record: ProducerRecord, invoices: &Publisher<String>) -> Result<ProducerRecord, BoxError> {
    ///     let is_invoice = record.is_from(invoices);
    ///     Ok(if is_invoice { record.header("sent-by", "billing") } else { record })
    /// }
    /// ```
    pub fn is_from<T>(&self, publisher: &Publisher<T>) -> bool {
        self.publisher().is_some_and(|id| publisher.id().as_ref() == Some(id))
    }

    /// Which publisher sent it, if one did that is made when a service is assembled.
    pub fn publisher(&self) -> Option<&PublisherId> {
        self.attached.publisher.as_ref()
    }

    /// How many bytes the broker will get, about.
    pub fn bytes(&self) -> usize {
        let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers =
            self.headers.iter().map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len));
        size(&self.key) + size(&self.value) + headers.sum::<usize>()
    }
}
