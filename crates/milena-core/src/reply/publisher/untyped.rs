//! Publishers that take records, or values together with their topic.

use super::{Publisher, Source, unwritten};
use crate::{
    error::Error,
    extract::FromRecord,
    reply::{IntoRecords, Outlet, Publish},
    transport::Producer,
};
use std::{marker::PhantomData, sync::Arc, time::Duration};

impl Publisher {
    /// A publisher that hands its records to this producer.
    pub fn new(producer: Arc<dyn Producer>) -> Self {
        Self::through(Arc::new(Outlet::new(producer)))
    }

    /// A publisher of a running service.
    pub fn through(outlet: Arc<Outlet>) -> Self {
        Self { source: Source::Outlet(outlet), values: PhantomData }
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
        let (to, outlet) = (to.into(), self.outlet().1?);
        let records = to.write(value).map_err(|error| unwritten("value", to.topic(), error))?;
        outlet.send_all(records).await?;
        super::flush(&to, &outlet).await
    }

    /// Publishes `value` and waits for an answer to it, of which `A` is extracted as an argument of a
    /// handler is: `Json<T>`, `String`, or `Record` for all of it.
    ///
    /// The answer comes in the topic that [`publish(..).reply_to(..)`](Publish::reply_to) names, or else in
    /// that of the service. An answer that comes later is dropped and counted. What the answering
    /// handler fails with is the error, of kind [`Answer`](crate::error::ErrorKind::Answer), if
    /// [`publish(..).reply_errors()`](Publish::reply_errors) asks for it.
    ///
    /// ```
    /// # use milena_core::{Publisher, error::Error};
    /// # use std::time::Duration;
    /// async fn offer(publisher: Publisher) -> Result<(), Error> {
    ///     let price: String = publisher.request("prices", "tea", Duration::from_secs(5)).await?;
    ///     publisher.publish("offers", ("tea", price)).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`](crate::error::ErrorKind::TimedOut) when no answer came in time;
    /// [`Config`](crate::error::ErrorKind::Config) when no reply topic is named; the question was refused;
    /// the answer is an error, or is no `A`.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the question may have been published; its answer is dropped.
    pub async fn request<A: FromRecord<()>>(
        &self,
        to: impl Into<Publish>,
        value: impl IntoRecords,
        timeout: Duration,
    ) -> Result<A, Error> {
        let (to, outlet) = (to.into(), self.outlet().1?);
        super::typed::ask::<A, ()>(&to, &outlet, value, timeout).await
    }
}
