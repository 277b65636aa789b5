//! Where values are published, with what its records have by default and what documents say of it.

mod document;
mod write;

use crate::{extract::IntoKey, handler::Schema, record::IntoHeaderValue, reply::ProducerRecord};
use std::{fmt, marker::PhantomData, sync::Arc};

/// Where values are published, and what their records have if the values do not say otherwise.
///
/// ```
/// use milena_core::publish;
///
/// let invoices = publish("invoices").header("source", "billing");
/// ```
pub fn publish(topic: impl Into<Arc<str>>) -> Publish {
    Publish {
        record: ProducerRecord::new(topic),
        reply_to: None,
        reply_errors: false,
        bare: false,
        autoflush: false,
        cluster: None,
        title: None,
        description: None,
        hidden: false,
        schema: None,
        values: PhantomData,
    }
}

/// A topic with what is published there has by default; [`publish`] makes one, and so does the name alone.
///
/// | option | says | default |
/// |---|---|---|
/// | [`key`](Self::key), [`partition`](Self::partition), [`timestamp`](Self::timestamp) | what a record has whose value brings none | none |
/// | [`header`](Self::header) | headers before those that the value brings | none |
/// | [`reply_to`](Self::reply_to), [`reply_errors`](Self::reply_errors) | where answers go, and whether failures do | no answer is asked for |
/// | [`bare`](Self::bare) | that records get no `content-type` | they get that of their format |
/// | [`cluster`](Self::cluster) | which cluster of an app it is on | the app's first |
/// | [`autoflush`](Self::autoflush) | that each call waits until the producer is empty | it does not |
/// | [`title`](Self::title), [`description`](Self::description), [`include_in_schema`](Self::include_in_schema), [`schema`](Self::schema) | what generated documents say | the topic, nothing, `true`, what the values say |
///
/// `T` is what is published there, once [`schema`](Self::schema) has said so.
pub struct Publish<T = ()> {
    record: ProducerRecord,
    reply_to: Option<Arc<str>>,
    reply_errors: bool,
    bare: bool,
    autoflush: bool,
    cluster: Option<Arc<str>>,
    title: Option<Arc<str>>,
    description: Option<Arc<str>>,
    hidden: bool,
    schema: Option<fn() -> Option<Schema>>,
    values: PhantomData<fn(T)>,
}

impl<T> Publish<T> {
    /// With this key, unless the value brings one; an empty key is one.
    ///
    /// # Panics
    ///
    /// If the key cannot be written.
    #[must_use]
    #[track_caller]
    #[expect(
        clippy::panic,
        clippy::needless_pass_by_value,
        reason = "said at assembly, where a key is written once"
    )]
    pub fn key(mut self, key: impl IntoKey) -> Self {
        match key.to_key() {
            Ok(key) => self.record.key = Some(key),
            Err(error) => panic!("could not use the key of `{}`: {error}", self.record.topic),
        }
        self
    }

    /// To this partition, unless the value names one.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.record.partition = Some(partition);
        self
    }

    /// With this header before those that the value brings, so that a value's of the same name wins.
    #[must_use]
    pub fn header(mut self, name: impl Into<Box<str>>, value: impl IntoHeaderValue) -> Self {
        self.record.headers.push(name, value);
        self
    }

    /// With this timestamp in milliseconds since 1970, unless the value brings one.
    #[must_use]
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.record.timestamp = Some(millis);
        self
    }

    /// Asks for answers in this topic, by the header `reply_to`, unless the value has that header.
    ///
    /// ```
    /// use milena_core::publish;
    ///
    /// let record = publish("quotes").reply_to("prices").write("tea")?.remove(0);
    /// assert_eq!(record.headers.get("reply_to"), Some(&b"prices"[..]));
    /// # Ok::<(), milena_core::BoxError>(())
    /// ```
    #[must_use]
    pub fn reply_to(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.reply_to = Some(topic.into());
        self
    }

    /// Asks for failures as well, by the header `reply_errors`: the answer is an error then, instead of none.
    #[must_use]
    pub fn reply_errors(mut self) -> Self {
        self.reply_errors = true;
        self
    }

    /// Adds no headers of its own: records get no `content-type`, and have the headers that were given.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// On the cluster of this name; by default on the first of the app.
    ///
    /// It is for publishers of apps and routers. What a handler returns, and what a `Publisher` that is its
    /// argument publishes, goes to the cluster that the record came from, so there it is refused.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<Arc<str>>) -> Self {
        self.cluster = Some(name.into());
        self
    }

    /// Waits behind each call until the producer has nothing left to send.
    ///
    /// It is for publishers: nobody waits for what a handler returns, so `publish_to` refuses it.
    #[must_use]
    pub fn autoflush(mut self) -> Self {
        self.autoflush = true;
        self
    }

    /// The topic.
    pub fn topic(&self) -> &Arc<str> {
        &self.record.topic
    }

    /// What a record has whose value brings nothing: topic, key, partition, headers and timestamp.
    pub fn defaults(&self) -> &ProducerRecord {
        &self.record
    }

    /// The topic that answers are asked for in.
    pub fn answers(&self) -> Option<&Arc<str>> {
        self.reply_to.as_ref()
    }

    /// Whether failures are asked for as answers.
    pub fn asks_for_errors(&self) -> bool {
        self.reply_errors
    }

    /// Whether records get no headers but those that were given.
    pub fn is_bare(&self) -> bool {
        self.bare
    }

    /// Whether each call waits until the producer has nothing left to send.
    pub fn flushes(&self) -> bool {
        self.autoflush
    }

    /// The name of the cluster, when one was given.
    pub fn on_cluster(&self) -> Option<&Arc<str>> {
        self.cluster.as_ref()
    }
}

impl<T: Into<Arc<str>>> From<T> for Publish {
    fn from(topic: T) -> Self {
        publish(topic)
    }
}

impl<T> Clone for Publish<T> {
    fn clone(&self) -> Self {
        self.of()
    }
}

impl<T> Publish<T> {
    /// The same target, for values of another type.
    fn of<U>(&self) -> Publish<U> {
        Publish {
            record: self.record.clone(),
            reply_to: self.reply_to.clone(),
            reply_errors: self.reply_errors,
            bare: self.bare,
            autoflush: self.autoflush,
            cluster: self.cluster.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            hidden: self.hidden,
            schema: self.schema,
            values: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Publish<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("defaults", &self.record)
            .field("reply_to", &self.reply_to)
            .field("reply_errors", &self.reply_errors)
            .field("bare", &self.bare)
            .field("autoflush", &self.autoflush)
            .field("cluster", &self.cluster)
            .field("title", &self.title)
            .field("description", &self.description)
            .field("include_in_schema", &!self.hidden)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
