//! What a broker has, as a client that is not Milena's sees it.

use crate::kit::{STUCK, ask, unique};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{
        AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
    },
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::{Headers as _, Message as _, OwnedMessage},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A cluster, seen from outside.
#[derive(Clone)]
pub(crate) struct View(String);

pub(crate) type Header = (String, Option<Vec<u8>>);

impl View {
    /// The cluster that all tests share.
    pub(crate) fn shared() -> Self {
        Self::of(&std::env::var("KAFKA_BROKERS").unwrap())
    }

    pub(crate) fn of(brokers: &str) -> Self {
        Self(brokers.to_owned())
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.0);
        config
    }

    /// A new topic with these settings.
    pub(crate) async fn topic(
        &self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Arc<str> {
        let name = unique(name);
        let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        self.create(topic, settings).await;
        name
    }

    /// The same with one partition on these brokers, of which the first leads.
    pub(super) async fn topic_on(
        &self,
        name: &str,
        brokers: &[i32],
        settings: &[(&str, &str)],
    ) -> Arc<str> {
        let (name, partitions) = (unique(name), [brokers]);
        let topic = NewTopic::new(&name, 1, TopicReplication::Variable(&partitions));
        self.create(topic, settings).await;
        name
    }

    async fn create<'a>(&self, mut topic: NewTopic<'a>, settings: &[(&'a str, &'a str)]) {
        for (setting, value) in settings {
            topic = topic.set(setting, value);
        }
        let results = self.admin().create_topics([&topic], &admin_options()).await.unwrap();
        results.into_iter().for_each(|result| assert!(result.is_ok(), "{result:?}"));
    }

    /// Deletes a topic, with what it has.
    pub(super) async fn delete(&self, topic: &str) {
        let results = self.admin().delete_topics(&[topic], &admin_options()).await.unwrap();
        results.into_iter().for_each(|result| assert!(result.is_ok(), "{result:?}"));
    }

    /// Changes a setting of a topic.
    pub(crate) async fn alter(&self, topic: &str, setting: &str, value: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(setting, value);
        let results = self.admin().alter_configs([&change], &admin_options()).await.unwrap();
        results.into_iter().for_each(|result| assert!(result.is_ok(), "{result:?}"));
    }

    /// Changes a setting of a group.
    pub(super) async fn alter_group(&self, group: &str, setting: &str, value: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Group(group)).set(setting, value);
        let results = self.admin().alter_configs([&change], &admin_options()).await.unwrap();
        results.into_iter().for_each(|result| assert!(result.is_ok(), "{result:?}"));
    }

    /// Every record of a topic that is there now, partition by partition.
    pub(crate) async fn records(&self, topic: &str) -> Vec<OwnedMessage> {
        let topic = topic.to_owned();
        let mut records = self.ask(move |consumer| read(consumer, &topic)).await;
        records.sort_by_key(|record| (record.partition(), record.offset()));
        records
    }

    /// The same, with what transactions took back.
    pub(crate) async fn records_uncommitted(&self, topic: &str) -> Vec<OwnedMessage> {
        let topic = topic.to_owned();
        let mut config = self.config();
        config.set("group.id", &*unique("view")).set("enable.partition.eof", "true");
        config.set("isolation.level", "read_uncommitted");
        blocking(move || read(&config.create().unwrap(), &topic)).await
    }

    /// The values of a topic, as text.
    pub(crate) async fn values(&self, topic: &str) -> Vec<String> {
        self.records(topic).await.iter().map(|record| text(record.payload())).collect()
    }

    /// What a group has committed for each partition.
    pub(crate) async fn committed(
        &self,
        group: &str,
        topic: &str,
        partitions: i32,
    ) -> Vec<Option<i64>> {
        let (group, topic) = (group.to_owned(), topic.to_owned());
        let config = self.config().set("group.id", group).clone();
        blocking(move || {
            let consumer: BaseConsumer = config.create().unwrap();
            let start = Instant::now();
            let committed = loop {
                let list = all(&topic, partitions, Offset::Invalid);
                match consumer.committed_offsets(list, STUCK) {
                    Ok(committed) => break committed,
                    // A broker that was stopped may not know yet that it is the coordinator.
                    Err(error) => assert!(start.elapsed() < STUCK, "{error}"),
                }
                std::thread::sleep(Duration::from_millis(200));
            };
            let elements = committed.elements();
            elements
                .iter()
                .map(|it| match it.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                })
                .collect()
        })
        .await
    }

    /// How many members a group has.
    pub(super) async fn members(&self, group: &str) -> usize {
        let group = group.to_owned();
        self.ask(move |consumer| {
            let list = consumer.fetch_group_list(Some(&group), STUCK).unwrap();
            list.groups().iter().map(|group| group.members().len()).sum()
        })
        .await
    }

    /// Which broker leads the first partition of a topic; none is -1.
    pub(super) async fn leader(&self, topic: &str) -> i32 {
        let topic = topic.to_owned();
        self.ask(move |consumer| {
            let metadata = ask(|| consumer.fetch_metadata(Some(&topic), STUCK));
            metadata.topics()[0].partitions()[0].leader()
        })
        .await
    }

    /// The offset behind everything in each partition.
    pub(crate) async fn ends(&self, topic: &str, partitions: i32) -> Vec<Option<i64>> {
        let topic = topic.to_owned();
        self.ask(move |consumer| {
            let end = |partition| ask(|| consumer.fetch_watermarks(&topic, partition, STUCK)).1;
            (0..partitions).map(|partition| Some(end(partition))).collect()
        })
        .await
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config().create().unwrap()
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&BaseConsumer) -> T + Send + 'static,
    ) -> T {
        let mut config = self.config();
        config.set("group.id", &*unique("view")).set("enable.partition.eof", "true");
        blocking(move || question(&config.create().unwrap())).await
    }
}

/// The headers of a record.
pub(crate) fn headers(record: &OwnedMessage) -> Vec<Header> {
    let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
    headers.map(|it| (it.key.to_owned(), it.value.map(<[u8]>::to_vec))).collect()
}

/// What is not null, as text.
pub(crate) fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8(bytes.expect("it is not null").to_vec()).unwrap()
}

fn read(consumer: &BaseConsumer, topic: &str) -> Vec<OwnedMessage> {
    let metadata = ask(|| consumer.fetch_metadata(Some(topic), STUCK));
    let partitions = i32::try_from(metadata.topics()[0].partitions().len()).unwrap();
    consumer.assign(&all(topic, partitions, Offset::Beginning)).unwrap();
    let (mut records, mut open) = (Vec::new(), partitions);
    while open > 0 {
        match consumer.poll(STUCK).expect("the broker answers") {
            Ok(record) => records.push(record.detach()),
            Err(KafkaError::PartitionEOF(_)) => open -= 1,
            Err(error) => println!("read `{topic}`: {error}"),
        }
    }
    records
}

fn all(topic: &str, partitions: i32, offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, offset).unwrap();
    }
    list
}

fn admin_options() -> AdminOptions {
    let within = Some(Duration::from_secs(30));
    AdminOptions::new().request_timeout(within).operation_timeout(within)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
