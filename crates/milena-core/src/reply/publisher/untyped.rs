//! Publishers that take records, or values together with their topic.

use super::{Publisher, Source, unwritten};
use crate::{
    error::{Error, ErrorKind},
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
    /// been published. [`Config`](ErrorKind::Config) when the target [names a cluster](Publish::cluster).
    ///
    /// # Cancel safety
    ///
    /// Records that were handed over are published even if the future is dropped.
    pub async fn publish(
        &self,
        to: impl Into<Publish>,
        value: impl IntoRecords,
    ) -> Result<(), Error> {
        let (to, outlet) = self.own_cluster(to)?;
        let records = to.write(value).map_err(|error| unwritten("value", to.topic(), error))?;
        let records = records.into_iter().map(|record| self.signed(record)).collect();
        outlet.send_all(records).await?;
        super::flush(&to, &outlet).await
    }

    /// Publishes `value` and waits for an answer to it, of which `A` is extracted as an argument of a
    /// handler is: `Json<T>`, `String`, or `Record` for all of it.
    ///
    /// The answer comes in the topic that [`publish(..).reply_to(..)`](Publish::reply_to) names, or else in
    /// that of the service. An answer that comes later is dropped and counted. What the answering
    /// handler fails with is the error, of kind [`Answer`](ErrorKind::Answer), if
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
    /// [`TimedOut`](ErrorKind::TimedOut) when no answer came in time;
    /// [`Config`](ErrorKind::Config) when no reply topic is named, or the target
    /// names a cluster; the question was refused;
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
        let (to, outlet) = self.own_cluster(to)?;
        super::typed::ask(&outlet, self.one::<()>(&to, value)?, timeout).await
    }

    /// Where a value goes, which is on the cluster of this publisher, and through what.
    fn own_cluster(&self, to: impl Into<Publish>) -> Result<(Publish, Arc<Outlet>), Error> {
        let to = to.into();
        let Some(cluster) = to.on_cluster() else { return Ok((to, self.outlet().1?)) };
        let topic = to.topic();
        let message = format!(
            "could not publish to topic `{topic}` on cluster `{cluster}`: this publisher has one cluster; \
             `app.publisher(publish(\"{topic}\").cluster(\"{cluster}\"))` makes one for the other"
        );
        Err(Error::new(ErrorKind::Config, message))
    }
}
