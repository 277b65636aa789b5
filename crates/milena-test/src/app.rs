#![expect(clippy::panic, reason = "a test kit tells by panicking")]

use milena::{
    Error, Record, Router,
    record::{IntoRecords, Publish},
    serve::Control,
};
use milena_memory::Memory;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// A service that runs on the in-process broker.
///
/// It is the service as it runs anywhere else. Under paused time (`start_paused`, the feature
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
#[derive(Debug)]
pub struct TestApp {
    broker: Memory,
    subscribed: Vec<(String, Arc<str>)>,
    controls: Vec<Control>,
    running: JoinHandle<Result<(), Error>>,
    stop: oneshot::Sender<()>,
    ended: watch::Receiver<bool>,
}

impl TestApp {
    /// Starts `app` on a broker of its own, where topics come into being with one partition.
    pub async fn start(app: Router) -> Self {
        Self::start_on(Memory::new(), app).await
    }

    /// Starts `app` on this broker, which may have topics, records and faults already.
    pub async fn start_on(broker: Memory, app: Router) -> Self {
        let operations = app.operations();
        let subscribed = operations.flat_map(|it| {
            let names = it.topics.names().iter();
            names.map(|topic| (it.group.to_owned(), topic.clone())).collect::<Vec<_>>()
        });
        let subscribed: Vec<_> = subscribed.collect();
        let mut groups: Vec<_> = app.operations().map(|it| it.group.to_owned()).collect();
        groups.dedup();
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = watch::channel(false);
        let service = milena::serve(broker.clone(), app);
        let controls = groups.iter().map(|group| service.control(group)).collect();
        let service = service.with_shutdown(async {
            // A kit that was dropped ends its service, too.
            let _ = stopped.await;
        });
        let running = tokio::spawn(async move {
            let result = service.await;
            end.send_replace(true);
            result
        });
        Self { broker, subscribed, controls, running, stop, ended }
    }

    /// Publishes `value` to a topic, and waits until the service has settled everything that came of it.
    ///
    /// # Panics
    ///
    /// If the value cannot be written, or the broker refuses it.
    pub async fn publish(&self, to: impl Into<Publish>, value: impl IntoRecords) {
        let to = to.into();
        let topic = to.topic();
        let records = match to.write(value) {
            Ok(records) => records,
            Err(error) => panic!("could not write a value for topic `{topic}`: {error}"),
        };
        for record in records {
            if let Err(error) = self.broker.produce(record) {
                panic!("could not publish to topic `{topic}`: {error}");
            }
        }
        self.settle().await;
    }

    /// Waits until every group has committed all there is in its topics, or the service has ended.
    pub async fn settle(&self) {
        let mut ended = self.ended.clone();
        loop {
            let changed = self.broker.changed();
            let settled =
                self.subscribed.iter().all(|(group, topic)| self.broker.lag(group, topic) == 0);
            if settled || *ended.borrow() {
                return;
            }
            tokio::select! {
                () = changed => {}
                _ = ended.changed() => {}
            }
        }
    }

    /// The values in a topic, decoded, in the order in which they were published.
    ///
    /// # Panics
    ///
    /// If a value is null, or is not the JSON of a `T`.
    pub fn published<T: DeserializeOwned>(&self, topic: &str) -> Vec<T> {
        let decode =
            |record: Record| match serde_json::from_slice(record.value().unwrap_or_default()) {
                Ok(value) => value,
                Err(error) => panic!("could not decode {record:?}: {error}"),
            };
        self.records(topic).into_iter().map(decode).collect()
    }

    /// The records in a topic, in the order in which they were published.
    pub fn records(&self, topic: &str) -> Vec<Record> {
        self.broker.records(topic)
    }

    /// How many offsets of a topic the group has committed, over all partitions.
    pub fn committed(&self, group: &str, topic: &str) -> i64 {
        let partitions = 0..self.broker.partitions(topic);
        partitions.filter_map(|partition| self.broker.committed(group, topic, partition)).sum()
    }

    /// Steers the consumer group of this name while the service runs.
    ///
    /// # Panics
    ///
    /// If the service has no such group.
    pub fn control(&self, group: &str) -> Control {
        match self.controls.iter().find(|control| control.group() == group) {
            Some(control) => control.clone(),
            None => panic!("the service has no group `{group}`"),
        }
    }

    /// The broker, for what is not here.
    pub fn broker(&self) -> &Memory {
        &self.broker
    }

    /// Shuts the service down in good order, and says how it ended.
    ///
    /// # Errors
    ///
    /// What `serve` ended with.
    pub async fn stop(self) -> Result<(), Error> {
        // A service that has ended by itself does not listen any more.
        let _ = self.stop.send(());
        match self.running.await {
            Ok(result) => result,
            Err(broken) => std::panic::resume_unwind(broken.into_panic()),
        }
    }
}
