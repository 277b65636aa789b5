//! How values become the records of a target.

use super::{Publish, publish};
use crate::{
    error::BoxError,
    record::{Headers, names},
    reply::{IntoRecords, ProducerRecord},
};
use std::sync::Arc;

impl<T> Publish<T> {
    /// A record begun with all this, for a value to complete.
    pub fn record(&self) -> ProducerRecord {
        self.record.clone()
    }

    /// Gives a record that was written for [`anywhere`](Publish::anywhere) what it lacks here: the topic;
    /// key, partition and timestamp, where it has none; the headers of this target, before its own; and
    /// the `content-type`.
    ///
    /// A record with a topic of its own keeps it. `content-type` is left out when the record or the target
    /// has that header, or the target is [`bare`](Self::bare).
    ///
    /// ```
    /// use milena_core::{Publish, publish};
    ///
    /// let record = Publish::anywhere().write("paid")?.remove(0);
    /// let record = publish("invoices").key("ada").complete(record);
    ///
    /// assert_eq!((&*record.topic, record.key.as_deref()), ("invoices", Some(&b"ada"[..])));
    /// assert_eq!(record.headers.get("content-type"), Some(&b"text/plain"[..]));
    /// # Ok::<(), milena_core::BoxError>(())
    /// ```
    pub fn complete(&self, mut record: ProducerRecord) -> ProducerRecord {
        let own = &self.record;
        if record.topic.is_empty() {
            record.topic = own.topic.clone();
        }
        record.partition = record.partition.or(own.partition);
        record.timestamp = record.timestamp.or(own.timestamp);
        record.key = record.key.or_else(|| own.key.clone());
        if !own.headers.is_empty() {
            let headers = std::mem::replace(&mut record.headers, own.headers.clone());
            record.headers.append_all(headers);
        }
        self.finish(&mut record);
        record
    }

    /// The same target, the names of whose topics begin with `prefix`: its own, and that of the answers.
    #[must_use]
    pub fn prefixed(mut self, prefix: &str) -> Self {
        self.record.topic = [prefix, &self.record.topic].concat().into();
        self.reply_to = self.reply_to.map(|topic| [prefix, &topic].concat().into());
        self
    }

    /// Adds the headers that the target is responsible for.
    fn finish(&self, record: &mut ProducerRecord) {
        if let Some(topic) = &self.reply_to {
            set(&mut record.headers, names::REPLY_TO, topic.as_bytes());
        }
        if self.reply_errors {
            set(&mut record.headers, names::REPLY_ERRORS, b"true");
        }
        if self.bare {
            return;
        }
        if let Some(content_type) = record.content_type
            && !record.headers.contains(names::CONTENT_TYPE)
        {
            record.headers.push_static(names::CONTENT_TYPE, content_type);
        }
    }
}

impl Publish {
    /// No topic in particular, and no defaults: a value is written for it once and [completed] for each
    /// topic that it goes to.
    ///
    /// [completed]: Publish::complete
    pub fn anywhere() -> Self {
        publish(Arc::default())
    }

    /// The records of `value`, complete: with the defaults of this target, and with the `content-type` of
    /// their format, unless the target is [`bare`](Self::bare) or there is such a header.
    ///
    /// # Errors
    ///
    /// The value cannot be written, or is itself an error.
    pub fn write(&self, value: impl IntoRecords) -> Result<Vec<ProducerRecord>, BoxError> {
        let mut records = Vec::new();
        value.into_records(self, &mut records)?;
        // Written for nowhere, they are finished where they go.
        if !self.record.topic.is_empty() {
            records.iter_mut().for_each(|record| self.finish(record));
        }
        Ok(records)
    }
}

/// Adds a header that is not there.
fn set(headers: &mut Headers, name: &'static str, value: &[u8]) {
    if !headers.contains(name) {
        headers.push(name, value);
    }
}
