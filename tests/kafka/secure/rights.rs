//! Rights that are taken while a service runs: it ends and says which, and the next one goes on when they are restored.

use super::{
    acls::{
        Operation::{Read, Write},
        Resource::{Group, Topic, TransactionalId},
        Right,
    },
    cluster::{listener, topic, variable},
    service::STUCK,
};
use milena::{Error, Kafka, Router, each};
use milena_core::{ProducerRecord, transport::Transport as _};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

async fn copy(text: String) -> String {
    text
}

struct Service {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

/// A service that copies, and what it may or may not do.
struct Copies {
    kafka: Kafka,
    source: Arc<str>,
    copies: Arc<str>,
    is_once: bool,
}

impl Copies {
    async fn new(is_once: bool) -> Option<Self> {
        let kafka = listener("KAFKA_SASL_PLAINTEXT")?;
        let kafka =
            kafka.sasl_plain(variable("KAFKA_PLAIN_USER"), variable("KAFKA_PLAIN_PASSWORD"));
        // Who may not say that it leaves is missed after its session.
        let kafka = kafka.set("session.timeout.ms", "6000").set("heartbeat.interval.ms", "500");
        let (source, copies) = (topic("rights").await, topic("copies").await);
        Some(Self { kafka, source, copies, is_once })
    }

    fn start(&self) -> Service {
        let router = Router::new(self.source.clone())
            .subscribe(self.source.clone(), each(copy).publish_to(self.copies.clone()))
            .commit_interval(Duration::from_millis(100));
        let router = if self.is_once { router.exactly_once(self.source.clone()) } else { router };
        let (stop, stopped) = oneshot::channel::<()>();
        let service = milena::serve(self.kafka.clone(), router);
        let service = service.with_shutdown(async { drop(stopped.await) });
        Service { stop, task: tokio::spawn(service.into_future()) }
    }

    async fn write(&self, numbers: std::ops::Range<usize>) {
        let producer = Kafka::new(variable("KAFKA_BROKERS")).producer().await.unwrap();
        let record =
            |number: usize| ProducerRecord::new(self.source.clone()).value(number.to_string());
        producer.send_all(numbers.map(record).collect()).await.unwrap();
    }

    fn client(&self) -> BaseConsumer {
        ClientConfig::new()
            .set("bootstrap.servers", variable("KAFKA_BROKERS"))
            .set("group.id", &*self.source)
            .set("enable.partition.eof", "true")
            .create()
            .unwrap()
    }

    /// Waits until so many are committed.
    async fn until_committed(&self, count: i64) {
        let client = self.client();
        let start = Instant::now();
        loop {
            let mut list = TopicPartitionList::new();
            list.add_partition(&self.source, 0);
            let committed = client.committed_offsets(list, STUCK);
            match &committed {
                Ok(list) if list.elements()[0].offset() == Offset::Offset(count) => return,
                _ => assert!(start.elapsed() < STUCK, "{committed:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The copies, as a reader of committed records sees them.
    fn copied(&self) -> Vec<usize> {
        let (client, mut list, mut copied) = (self.client(), TopicPartitionList::new(), Vec::new());
        list.add_partition_offset(&self.copies, 0, Offset::Beginning).unwrap();
        client.assign(&list).unwrap();
        loop {
            match client.poll(STUCK).expect("the broker answers") {
                Ok(record) => {
                    copied
                        .push(str::from_utf8(record.payload().unwrap()).unwrap().parse().unwrap());
                }
                Err(KafkaError::PartitionEOF(_)) => return copied,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Takes a right from a service that runs, and gives it back when that has ended. Says how many copies there are twice.
async fn take(copies: &Copies, right: Right<'_>) -> usize {
    let service = copies.start();
    copies.write(0..10).await;
    copies.until_committed(10).await;
    right.take();
    copies.write(10..20).await;
    let ended = timeout(STUCK, service.task).await.expect("it ends").unwrap();
    let error = ended.expect_err("it may not go on").to_string();
    assert!(error.starts_with("could not ") && error.contains("authorization failed"), "{error}");
    // Of a transaction the broker says only that it may not be.
    let named = if copies.is_once { &copies.source } else { right.1 };
    assert!(error.contains(named), "`{named}` is not in: {error}");

    right.restore();
    let service = copies.start();
    copies.until_committed(20).await;
    service.stop.send(()).unwrap();
    timeout(STUCK, service.task).await.unwrap().unwrap().unwrap();
    let copied = copies.copied();
    let all: BTreeSet<_> = copied.iter().copied().collect();
    let twice = copied.len() - all.len();
    println!(
        "fired: a right taken ({:?} of {:?}, exactly once: {}); {} of 20 copied, {twice} twice: {error}",
        right.2,
        right.0,
        copies.is_once,
        all.len()
    );
    assert_eq!(all, (0..20).collect());
    twice
}

/// Who may not read may not commit either, so what was read just before is done again.
#[tokio::test]
async fn a_service_that_may_not_read_its_topic_any_more_ends_and_the_next_goes_on() {
    let Some(copies) = Copies::new(false).await else { return };
    assert!(take(&copies, Right(Topic, &copies.source, Read)).await <= 10);
}

/// It can commit nothing from then on, so what it does until it learns that is done again.
#[tokio::test]
async fn a_service_that_may_not_be_in_its_group_any_more_ends_and_the_next_goes_on() {
    let Some(copies) = Copies::new(false).await else { return };
    assert!(take(&copies, Right(Group, &copies.source, Read)).await <= 10);
}

#[tokio::test]
async fn a_service_that_may_not_reply_any_more_ends_and_the_next_goes_on() {
    let Some(copies) = Copies::new(false).await else { return };
    assert_eq!(take(&copies, Right(Topic, &copies.copies, Write)).await, 0);
}

#[tokio::test]
async fn a_service_of_transactions_that_may_not_write_any_more_ends_and_the_next_goes_on() {
    let Some(copies) = Copies::new(true).await else { return };
    assert_eq!(take(&copies, Right(Topic, &copies.copies, Write)).await, 0);
}

#[tokio::test]
async fn a_service_that_may_not_use_its_transactions_any_more_ends_and_the_next_goes_on() {
    let Some(copies) = Copies::new(true).await else { return };
    assert_eq!(take(&copies, Right(TransactionalId, &copies.source, Write)).await, 0);
}
