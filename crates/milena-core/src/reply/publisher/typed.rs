//! Publishers that take the values of one topic.

use super::Publisher;
use crate::{
    error::{Error, ErrorKind},
    extract::{FromRecord, IntoKey},
    reply::{
        IntoRecords, Item, Outlet, ProducerRecord, Question, Tombstone, item::correlate, request,
    },
    transport::Delivered,
};
use std::time::Duration;

/// What a publisher of one topic may be for: values of a type, or with `()` any value.
#[diagnostic::on_unimplemented(message = "values of `{Self}` cannot be published")]
pub trait Typed {}

impl<T: IntoRecords> Typed for T {}

impl Typed for () {}

impl<T: Typed> Publisher<T> {
    /// Publishes `item` and waits for an answer to it, of which `A` is extracted as an argument of a
    /// handler is: `Json<T>`, `String`, or `Record` for all of it.
    ///
    /// As that of a plain `Publisher`, for the topic of this one:
    ///
    /// ```
    /// # use milena_core::{Publisher, error::Error};
    /// # use std::time::Duration;
    /// async fn price(prices: Publisher<String>) -> Result<String, Error> {
    ///     prices.request("tea".to_owned(), Duration::from_secs(5)).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when no answer came in time; [`Config`](ErrorKind::Config) when no
    /// reply topic is named; the question was refused; the answer is an error, or is no `A`.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the question may have been published; its answer is dropped.
    pub async fn request<A: FromRecord<()>>(
        &self,
        item: impl Item<T>,
        timeout: Duration,
    ) -> Result<A, Error> {
        let (to, outlet) = self.outlet();
        ask(&*outlet?, self.one(&to, item)?, timeout).await
    }

    /// Publishes a record of this key whose value is null, which deletes the key from a compacted topic.
    ///
    /// # Errors
    ///
    /// The key cannot be written, or the record was refused.
    ///
    /// # Cancel safety
    ///
    /// A record that was handed over is published even if the future is dropped.
    pub async fn delete(&self, key: impl IntoKey) -> Result<Delivered, Error> {
        let (to, outlet) = self.outlet();
        let key = key.to_key().map_err(|error| super::unwritten("key", to.topic(), error))?;
        let record = self.one::<()>(&to, (key, Tombstone))?;
        let delivered = outlet?.enqueue(record).await.await?;
        Ok(delivered)
    }
}

/// Publishes a question, and says what its answer is.
pub(super) async fn ask<A: FromRecord<()>>(
    outlet: &Outlet,
    mut record: ProducerRecord,
    timeout: Duration,
) -> Result<A, Error> {
    // Without one no answer can be told from another.
    correlate(&mut record);
    let Some(requests) = outlet.requests() else {
        let message = format!(
            "could not ask topic `{}`: this publisher is not part of a service, which would read the answers",
            record.topic
        );
        return Err(Error::new(ErrorKind::Config, message));
    };
    let (topic, producer) = (record.topic.clone(), outlet.producer().clone());
    let answer = requests.request(Question { record, producer, timeout }).await?;
    request::decode(&topic, answer).await
}
