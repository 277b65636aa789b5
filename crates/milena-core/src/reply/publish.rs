use crate::{
    error::{Error, ErrorKind},
    extract::IntoKey,
    record::IntoHeaderValue,
    reply::{IntoRecords, ProducerRecord},
    transport::{Delivered, Producer, Receive},
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

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

/// Publishes records and waits for the broker to have them.
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
    /// The value cannot be written, or a record of it was refused. Records of the value before and
    /// behind that one may have been published.
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
        value.into_records(&to, &mut records).map_err(|error| {
            let message = format!("could not write the value for topic `{}`: {error}", to.topic());
            Error::new(ErrorKind::Publish, message).with_source(error)
        })?;
        self.0.send_all(records).await.map(drop)
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
        Ok(self.0.send_all(vec![record]).await?[0])
    }

    /// Publishes `records`, all at once, and waits until the broker has all of them.
    ///
    /// # Errors
    ///
    /// One was refused; the others may have been published.
    ///
    /// # Cancel safety
    ///
    /// Records that were handed over are published even if the future is dropped.
    pub async fn send_all(&self, records: Vec<ProducerRecord>) -> Result<Vec<Delivered>, Error> {
        self.0.send_all(records).await
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Publisher")
    }
}

/// Collects the receipts of records that are sent together.
#[derive(Debug)]
pub(crate) struct Waiter(Mutex<Waiting>);

#[derive(Debug)]
struct Waiting {
    results: Vec<Option<Result<Delivered, Error>>>,
    left: usize,
    waker: Option<Waker>,
}

impl Waiter {
    pub(crate) fn new(records: usize) -> Self {
        let results = std::iter::repeat_with(|| None).take(records).collect();
        Self(Mutex::new(Waiting { results, left: records, waker: None }))
    }

    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Result<Vec<Delivered>, Error>> {
        let mut waiting = self.lock();
        if waiting.left > 0 {
            waiting.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut waiting.results).into_iter().flatten().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receive for Waiter {
    fn receive(&self, token: u64, result: Result<Delivered, Error>) {
        let mut waiting = self.lock();
        let Some(slot) =
            usize::try_from(token).ok().and_then(|token| waiting.results.get_mut(token))
        else {
            return;
        };
        *slot = Some(result);
        waiting.left -= 1;
        let waker = if waiting.left == 0 { waiting.waker.take() } else { None };
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
