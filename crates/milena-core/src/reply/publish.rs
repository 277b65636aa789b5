use crate::{extract::IntoKey, record::IntoHeaderValue, reply::ProducerRecord};
use std::sync::Arc;

/// Where values are published, and what their records have if the values do not say otherwise.
///
/// ```
/// use milena_core::publish;
///
/// let invoices = publish("invoices").header("source", "billing");
/// ```
pub fn publish(topic: impl Into<Arc<str>>) -> Publish {
    Publish(ProducerRecord::new(topic))
}

/// A topic with what is published there has by default; [`publish`] makes one, and so does the name alone.
#[derive(Clone, Debug)]
pub struct Publish(ProducerRecord);

impl Publish {
    /// With this key, unless the value brings one.
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
    pub fn key(self, key: impl IntoKey) -> Self {
        match key.to_key() {
            Ok(key) => Self(self.0.key(key)),
            Err(error) => panic!("could not use the key of `{}`: {error}", self.0.topic),
        }
    }

    /// To this partition, unless the value names one.
    #[must_use]
    pub fn partition(self, partition: i32) -> Self {
        Self(self.0.partition(partition))
    }

    /// With this header before those that the value brings.
    #[must_use]
    pub fn header(self, name: impl Into<Box<str>>, value: impl IntoHeaderValue) -> Self {
        Self(self.0.header(name, value))
    }

    /// With this timestamp in milliseconds since 1970, unless the value brings one.
    #[must_use]
    pub fn timestamp(self, millis: i64) -> Self {
        Self(self.0.timestamp(millis))
    }

    /// The topic.
    pub fn topic(&self) -> &Arc<str> {
        &self.0.topic
    }

    /// A record begun with all this, for a value to complete.
    pub fn record(&self) -> ProducerRecord {
        self.0.clone()
    }
}

impl<T: Into<Arc<str>>> From<T> for Publish {
    fn from(topic: T) -> Self {
        publish(topic)
    }
}
