use super::{
    own_broker::OwnBroker,
    service::{Calls, Service, until},
    view::View,
};
use crate::kit::{STUCK, kafka, unique};
use milena::{Record, Router, State, each};
use milena_core::{ProducerRecord, transport::NewTopic, transport::Transport as _};
use milena_rdkafka::Kafka;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

const PARTITIONS: i32 = 3;
const RECORDS: usize = 3000;

async fn copy(record: Record, State(calls): State<Calls>) -> String {
    calls.add(&record);
    String::from_utf8(record.value().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_service_that_reaches_nobody_goes_on_trying_and_ends_when_it_is_asked_to() {
    let nobody = OwnBroker::new();
    let kafka = Kafka::new(nobody.address());
    let router = Router::new("g").subscribe("t", each(copy).publish_to("copies"));
    let service = Service::start(&kafka, router.with_state(Calls::default()));

    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(service.is_running(), "{:?}", service.ended().await);
    let asked = Instant::now();
    let ended = service.stop().await;

    assert!(!nobody.listens());
    assert!(ended.is_ok(), "{ended:?}");
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_broker_that_comes_late_and_is_killed_later_costs_no_record() {
    if kafka().is_none() {
        return;
    }
    let broker = OwnBroker::new();
    let kafka = Kafka::new(broker.address());
    let (topic, copies, group) = (unique("late"), unique("late-copies"), unique("late"));
    let calls = Calls::default();
    let router = Router::new(group.clone())
        .subscribe(topic.clone(), each(copy).publish_to(copies.clone()))
        .commit_interval(Duration::from_millis(100));
    let service = Service::start(&kafka, router.with_state(calls.clone()));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!broker.listens() && service.is_running());

    broker.up().await;
    let topics = [&topic, &copies].map(|name| NewTopic::new(name.clone()).partitions(PARTITIONS));
    kafka.create_topics(topics.to_vec()).await.unwrap();
    let (acknowledged, writing) = write(&kafka, &topic);
    until("some records are handled", async || calls.count() > RECORDS / 10).await;
    broker.kill().await;
    let before = (acknowledged.load(SeqCst), calls.count());
    assert!(before.0 < RECORDS, "the broker died while records were on their way: {before:?}");
    assert!(service.is_running());
    broker.start().await;
    tokio::time::timeout(STUCK, writing).await.expect("the rest is written").unwrap();

    let view = View::of(&broker.address());
    until("every record is answered", async || has_all(&view, &copies).await).await;
    assert!(service.is_running());
    service.stop().await.unwrap();
    let ends = view.ends(&topic, PARTITIONS).await;
    assert_eq!(view.committed(&group, &topic, PARTITIONS).await, ends);
    println!(
        "{before:?} of {RECORDS} written and handled at the kill, {} in the end",
        calls.count()
    );
}

/// Whether every record was copied, once or more.
async fn has_all(view: &View, copies: &str) -> bool {
    let values: BTreeSet<_> = view.values(copies).await.into_iter().collect();
    values == (0..RECORDS).map(|number| number.to_string()).collect()
}

/// Writes all records, ten at a time, and counts those that the broker has taken.
fn write(kafka: &Kafka, topic: &Arc<str>) -> (Arc<AtomicUsize>, JoinHandle<()>) {
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let (count, kafka, topic) = (acknowledged.clone(), kafka.clone(), topic.clone());
    let record = move |number: usize| {
        let partition = i32::try_from(number).unwrap() % PARTITIONS;
        ProducerRecord::new(topic.clone()).partition(partition).value(number.to_string())
    };
    let writing = tokio::spawn(async move {
        let producer = kafka.producer().await.unwrap();
        for first in (0..RECORDS).step_by(10) {
            let records = (first..first + 10).map(&record).collect();
            producer.send_all(records).await.unwrap();
            count.fetch_add(10, SeqCst);
        }
    });
    (acknowledged, writing)
}
