use super::{
    super::{service::until, view::View},
    log::{Log, Seen},
};
use milena_rdkafka::Kafka;
use rdkafka::{
    ClientConfig,
    config::RDKafkaLogLevel,
    mocking::MockCluster,
    producer::{Producer as _, ThreadedProducer},
    types::{RDKafkaApiKey as Api, RDKafkaErrorCode as Code, RDKafkaRespErr},
};
use std::sync::Arc;

/// A cluster in this process, which is gone when it is dropped.
pub(super) struct Mock {
    client: ThreadedProducer<Log>,
    log: Log,
}

impl Mock {
    /// A cluster of so many brokers, whose ids begin with 1.
    pub(super) fn start(brokers: i32) -> Self {
        let log = Log::default();
        let client = ClientConfig::new()
            .set("test.mock.num.brokers", brokers.to_string())
            .set("debug", "mock")
            .set_log_level(RDKafkaLogLevel::Debug)
            .create_with_context(log.clone())
            .unwrap();
        Self { client, log }
    }

    /// The cluster, to be told what to do.
    pub(super) fn cluster(&self) -> MockCluster<'_, Log> {
        self.client.client().mock_cluster().unwrap()
    }

    pub(super) fn kafka(&self) -> Kafka {
        Kafka::new(self.cluster().bootstrap_servers())
    }

    pub(super) fn view(&self) -> View {
        View::of(&self.cluster().bootstrap_servers())
    }

    pub(super) fn topic(&self, name: &str, partitions: i32) -> Arc<str> {
        self.cluster().create_topic(name, partitions, 1).unwrap();
        name.into()
    }

    /// Has the next requests of this kind refused, each with the next of these;
    /// `BrokerTransportFailure` closes the connection instead.
    pub(super) fn refuse(&self, api: Api, with: &[Code]) {
        let with: Vec<_> =
            with.iter().map(|code| RDKafkaRespErr::try_from(*code as i32).unwrap()).collect();
        self.cluster().request_errors(api, &with);
    }

    /// What there was to see by now.
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// How many requests of this kind came by now; each takes an error, if there is one for it.
    pub(super) fn requests(&self, api: Api) -> usize {
        let name = format!("{api:?}");
        self.log.count(|seen| matches!(seen, Seen::Request(kind, _) if *kind == name))
    }

    /// How many of them this broker got.
    pub(super) fn requests_of(&self, api: Api, broker: i32) -> usize {
        let one = Seen::Request(format!("{api:?}"), broker);
        self.log.count(|seen| *seen == one)
    }

    /// Waits until so many requests of this kind have come.
    pub(super) async fn until_requests(&self, api: Api, count: usize) {
        let what = format!("there are {count} requests {api:?}");
        until(&what, async || self.requests(api) >= count).await;
    }

    /// Waits until this broker got so many of them.
    pub(super) async fn until_requests_of(&self, api: Api, broker: i32, count: usize) {
        let what = format!("broker {broker} got {count} requests {api:?}");
        until(&what, async || self.requests_of(api, broker) >= count).await;
    }
}
