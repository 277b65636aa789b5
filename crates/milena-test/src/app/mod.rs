//! A service under test.

mod builder;
mod cluster;
mod running;
mod settle;
mod story;
mod subject;
mod subscribed;
mod time;

pub use self::{builder::Builder, cluster::TestCluster};

use self::{builder::name_of, cluster::Cluster, running::Running};
use crate::calls::{Called, Calls, Recorder};
use milena::serve::Control;
use milena_core::{
    error::Error,
    extract::FromRecord,
    record::Record,
    reply::{IntoRecords, Publish, Publisher},
};
use milena_memory::Memory;
use serde::de::DeserializeOwned;
use std::{sync::Arc, time::Duration};

/// A service that runs on a broker of its own.
///
/// It is the service as it runs anywhere else, on the embedded broker, or on a real one when
/// `MILENA_TEST_BROKER` says so; see the [crate](crate). Under paused time (`start_paused`, the feature
/// `test-util` of tokio) retries and commit intervals take no wall time.
///
/// ```
/// use milena::{Json, Router, each};
/// use milena_test::TestApp;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Deserialize, Serialize, JsonSchema)] struct Order { id: u64 }
/// # #[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)] struct Invoice { order: u64 }
///
/// async fn bill(Json(order): Json<Order>) -> Json<Invoice> {
///     Json(Invoice { order: order.id })
/// }
///
/// # /*
/// #[tokio::test(start_paused = true)]
/// # */
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() { every_order_is_billed().await }
/// async fn every_order_is_billed() {
///     let test = TestApp::start(Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"))).await;
///
///     test.publish("orders", Json(Order { id: 7 })).await; // returns once settled
///
///     assert_eq!(test.published::<Invoice>("invoices"), [Invoice { order: 7 }]);
///     assert_eq!(test.committed("billing", "orders"), 1);
/// }
/// ```
///
/// Dropping it stops the service, which ends in good order as long as the runtime lives.
///
/// # Panics
///
/// When it is dropped, if the service had failed and the test was not told: by
/// [`publish`](Self::publish), [`settle`](Self::settle) or [`stop`](Self::stop).
#[derive(Debug)]
pub struct TestApp {
    /// The default one first.
    clusters: Vec<Cluster>,
    running: Running,
    recorder: Arc<Recorder>,
    records: bool,
    patience: Duration,
}

impl TestApp {
    /// Starts a service on a broker of its own, where topics come into being with one partition.
    ///
    /// # Panics
    ///
    /// As [`Builder::start`].
    pub async fn start(app: impl Into<Builder>) -> Self {
        app.into().start().await
    }

    /// Starts a service on this broker, which may have topics, records and faults already, whatever
    /// `MILENA_TEST_BROKER` says.
    pub async fn start_on(broker: Memory, app: impl Into<Builder>) -> Self {
        app.into().broker(broker).start().await
    }

    /// Prepares a service: topics, mocks, failures.
    pub fn builder(app: impl Into<Builder>) -> Builder {
        app.into()
    }

    /// Publishes `value` to a topic, and waits until the service has settled everything that came of it.
    ///
    /// On a real broker the service is asked to commit at once, so that this takes no commit interval.
    ///
    /// # Panics
    ///
    /// If the value cannot be written, or the broker refuses it; as [`settle`](Self::settle), for one if the
    /// service ended because a handler failed.
    pub async fn publish(&self, to: impl Into<Publish>, value: impl IntoRecords) {
        self.on_default().publish(to, value).await;
    }

    /// The same for a test that expects the service to fail.
    ///
    /// # Errors
    ///
    /// What the service ended with, because it failed.
    ///
    /// # Panics
    ///
    /// If the value cannot be written, or the broker refuses it; as [`try_settle`](Self::try_settle).
    pub async fn try_publish(
        &self,
        to: impl Into<Publish>,
        value: impl IntoRecords,
    ) -> Result<(), Error> {
        self.on_default().try_publish(to, value).await
    }

    /// The values in a topic, decoded, in the order in which they were published.
    ///
    /// On a real broker the order of records of different partitions is that of their timestamps.
    ///
    /// # Panics
    ///
    /// If a value is null, or is not the JSON of a `T`.
    pub fn published<T: DeserializeOwned>(&self, topic: &str) -> Vec<T> {
        self.on_default().published(topic)
    }

    /// What an extractor that needs no state takes of the records in a topic: `String`,
    /// `(Key<String>, Json<Invoice>)`, `Headers`.
    ///
    /// # Panics
    ///
    /// If it refuses a record.
    pub fn extracted<T: FromRecord<()>>(&self, topic: &str) -> Vec<T> {
        self.on_default().extracted(topic)
    }

    /// The records in a topic, in the order in which they were published.
    ///
    /// On a real broker the order of records of different partitions is that of their timestamps, and the
    /// thread waits for the broker.
    pub fn records(&self, topic: &str) -> Vec<Record> {
        self.on_default().records(topic)
    }

    /// How many offsets of a topic the group has committed, over all partitions.
    pub fn committed(&self, group: &str, topic: &str) -> i64 {
        self.on_default().committed(group, topic)
    }

    /// How many offsets of a topic the group is not done with, over all partitions.
    pub fn lag(&self, group: &str, topic: &str) -> i64 {
        self.on_default().lag(group, topic)
    }

    /// What a handler was called with, and what came of it. The handler is the function itself.
    ///
    /// # Panics
    ///
    /// If no subscription has the handler, or nothing [is recorded](Builder::unrecorded).
    #[track_caller]
    pub fn calls<H>(&self, handler: H) -> Calls {
        let name = name_of(handler);
        assert!(self.records, "the calls of `{name}` are not recorded: the test asked for that");
        let known = self.recorder.handlers();
        assert!(
            known.contains(name),
            "no subscription has the handler `{name}`; those are {known:?}"
        );
        Calls::new(Called::Handler(name), self.recorder.clone(), self.patience)
    }

    /// What a publisher of the service sent, each record by itself, and what the broker answered.
    ///
    /// It is this publisher and clones of it, and no other for the same topic. What a handler returns is sent by no
    /// publisher. A handler that is tried again sends again.
    ///
    /// ```
    /// use milena::{Json, Publisher, Router, State, each, publish};
    /// use milena_test::TestApp;
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Deserialize, Serialize, JsonSchema)] struct Order { id: u64 }
    /// # #[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)] struct Invoice { order: u64 }
    ///
    /// async fn bill(Json(order): Json<Order>, State(invoices): State<Publisher<Json<Invoice>>>) -> Result<(), milena::Error> {
    ///     invoices.send(Json(Invoice { order: order.id })).await?;
    ///     Ok(())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let mut router = Router::new("billing").subscribe("orders", each(bill));
    /// let invoices = router.publisher(publish("invoices").schema());
    /// let test = TestApp::start(router.with_state(invoices.clone())).await;
    ///
    /// test.publish("orders", Json(Order { id: 7 })).await;
    ///
    /// test.sends(&invoices).assert_called_once_with(Json(Invoice { order: 7 }));
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the publisher is nobody in particular, as one that is a handler's argument; or nothing
    /// [is recorded](Builder::unrecorded).
    #[track_caller]
    pub fn sends<T>(&self, publisher: &Publisher<T>) -> Calls {
        let Some(id) = publisher.id() else {
            panic!("the publisher is nobody in particular: ask for `records(topic)`");
        };
        let called = Called::Publisher(id);
        assert!(self.records, "what the {called} sent is not recorded: the test asked for that");
        Calls::new(called, self.recorder.clone(), self.patience)
    }

    /// What was published to the topic of a publisher of the service, by it or by others, in the order in
    /// which it was published. What it sent itself is told by [`sends`](Self::sends).
    ///
    /// # Panics
    ///
    /// If the publisher has no topic of its own, as one that is a handler's argument.
    #[track_caller]
    pub fn published_by<T>(&self, publisher: &Publisher<T>) -> Vec<Record> {
        let Some(target) = publisher.target() else {
            panic!("the publisher has no topic of its own: ask for `records(topic)`");
        };
        let cluster = target.on_cluster().map(|name| self.cluster(name));
        cluster.unwrap_or_else(|| self.on_default()).records(target.topic())
    }

    /// The errors and panics of a handler, also those that a retry or a dead letter hid.
    ///
    /// # Panics
    ///
    /// As [`calls`](Self::calls).
    #[track_caller]
    pub fn errors<H>(&self, handler: H) -> Vec<String> {
        self.calls(handler).errors()
    }

    /// Steers the consumer group of this name while the service runs.
    ///
    /// # Panics
    ///
    /// If the default cluster has no such group.
    pub fn control(&self, group: &str) -> Control {
        self.on_default().control(group)
    }

    /// The cluster of this name, for an app that has several.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn cluster(&self, name: &str) -> TestCluster<'_> {
        match self.clusters.iter().find(|cluster| *cluster.name == *name) {
            Some(cluster) => TestCluster { test: self, cluster },
            None => panic!("the service has no cluster `{name}`"),
        }
    }

    /// The embedded broker, for what is not here: its faults, time, and what stands in it.
    ///
    /// # Panics
    ///
    /// If the test runs on a real broker.
    #[track_caller]
    pub fn broker(&self) -> &Memory {
        self.on_default().broker()
    }

    /// Shuts the service down in good order, and says how it ended.
    ///
    /// # Errors
    ///
    /// What `serve` ended with.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.running.stop().await
    }

    fn on_default(&self) -> TestCluster<'_> {
        TestCluster { test: self, cluster: &self.clusters[0] }
    }
}
