use super::{TestApp, subscribed::Subscribed};
use crate::{broker::Broker, calls::extracted};
use milena::serve::Control;
use milena_core::{
    error::Error,
    extract::FromRecord,
    record::Record,
    reply::{IntoRecords, Publish},
};
use milena_memory::Memory;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A cluster of the service under test.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) name: Arc<str>,
    pub(super) broker: Broker,
    pub(super) subscribed: Vec<Subscribed>,
}

impl Cluster {
    pub(super) fn new(name: Arc<str>, broker: Broker) -> Self {
        Self { name, broker, subscribed: Vec::new() }
    }

    pub(super) fn controls(&self) -> impl Iterator<Item = &Control> {
        self.subscribed.iter().filter_map(|subscribed| subscribed.control.as_ref())
    }

    /// Whether its broker does not tell of all that counts.
    pub(super) fn is_silent(&self) -> bool {
        self.subscribed.iter().any(Subscribed::is_alone)
    }

    /// Where everything ends that is read.
    pub(super) async fn ends(&self) -> Vec<i64> {
        let mut ends = Vec::new();
        for subscribed in &self.subscribed {
            let places = subscribed.places(&self.broker).await;
            ends.extend(self.broker.ends(&places).await);
        }
        ends
    }

    pub(super) async fn is_settled(&self) -> bool {
        for subscribed in &self.subscribed {
            if !subscribed.is_settled(&self.broker).await {
                return false;
            }
        }
        true
    }
}

/// A cluster of a [`TestApp`], with what can be done there; [`TestApp::cluster`] gives one.
///
/// The methods of the same names on `TestApp` are those of the default cluster.
#[derive(Clone, Copy, Debug)]
pub struct TestCluster<'a> {
    pub(super) test: &'a TestApp,
    pub(super) cluster: &'a Cluster,
}

impl TestCluster<'_> {
    /// The name of the cluster.
    pub fn name(&self) -> &str {
        &self.cluster.name
    }

    /// See [`TestApp::publish`].
    ///
    /// # Panics
    ///
    /// As there.
    pub async fn publish(&self, to: impl Into<Publish>, value: impl IntoRecords) {
        if let Err(error) = self.try_publish(to, value).await {
            panic!("{error}");
        }
    }

    /// See [`TestApp::try_publish`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// As there.
    pub async fn try_publish(
        &self,
        to: impl Into<Publish>,
        value: impl IntoRecords,
    ) -> Result<(), Error> {
        let to = to.into();
        let topic = to.topic().clone();
        let written = to.write(value);
        let records = written.unwrap_or_else(|error| {
            panic!("could not write a value for topic `{topic}`: {error}");
        });
        if let Err(error) = self.cluster.broker.produce(records).await {
            panic!("could not publish to topic `{topic}`: {error}");
        }
        self.test.try_settle().await
    }

    /// See [`TestApp::published`].
    ///
    /// # Panics
    ///
    /// As there.
    pub fn published<T: DeserializeOwned>(&self, topic: &str) -> Vec<T> {
        let decode =
            |record: Record| match serde_json::from_slice(record.value().unwrap_or_default()) {
                Ok(value) => value,
                Err(error) => panic!("could not decode {record:?}: {error}"),
            };
        self.records(topic).into_iter().map(decode).collect()
    }

    /// See [`TestApp::extracted`].
    ///
    /// # Panics
    ///
    /// As there.
    pub fn extracted<T: FromRecord<()>>(&self, topic: &str) -> Vec<T> {
        let extract = |record| match extracted(record) {
            Ok(value) => value,
            Err(why) => panic!("could not extract what is published: {why}"),
        };
        self.records(topic).iter().map(extract).collect()
    }

    /// See [`TestApp::records`].
    pub fn records(&self, topic: &str) -> Vec<Record> {
        self.cluster.broker.records(topic)
    }

    /// See [`TestApp::committed`].
    pub fn committed(&self, group: &str, topic: &str) -> i64 {
        self.cluster.broker.committed(group, topic)
    }

    /// See [`TestApp::lag`].
    pub fn lag(&self, group: &str, topic: &str) -> i64 {
        self.cluster.broker.lag(group, topic)
    }

    /// See [`TestApp::control`].
    ///
    /// # Panics
    ///
    /// As there.
    pub fn control(&self, group: &str) -> Control {
        match self.cluster.controls().find(|control| control.group() == group) {
            Some(control) => control.clone(),
            None => panic!("the service has no group `{group}` on cluster `{}`", self.name()),
        }
    }
}

impl<'a> TestCluster<'a> {
    /// See [`TestApp::broker`].
    ///
    /// # Panics
    ///
    /// As there.
    pub fn broker(&self) -> &'a Memory {
        match &self.cluster.broker {
            Broker::Embedded(memory) => memory,
            broker @ Broker::Real(_) => panic!(
                "this test runs on {broker:?}, and only the embedded broker can be reached into and \
                 has faults: give it to the test with `TestApp::start_on`"
            ),
        }
    }
}
