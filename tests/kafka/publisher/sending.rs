use super::publisher;
use crate::{
    faults::view::View,
    kit::{kafka, topic, unique},
};
use milena::error::ErrorKind;
use milena_core::{
    ProducerRecord,
    transport::{ProducerConfig, Transport as _},
};
use milena_rdkafka::Kafka;
use std::time::{Duration, Instant};

#[tokio::test]
async fn what_is_enqueued_waits_for_room_and_all_of_it_arrives_in_order() {
    let Some(kafka) = kafka() else { return };
    let kafka = kafka.producer_config(ProducerConfig::new().buffer_records(10));
    let topic = topic(&kafka, "enqueue", 1).await;
    let publisher = publisher(&kafka).await;

    let mut sent = Vec::new();
    for n in 0..200 {
        let record = ProducerRecord::new(topic.clone()).value(n.to_string());
        sent.push(publisher.enqueue(record).await);
    }
    let mut offsets = Vec::new();
    for sent in sent {
        offsets.push(sent.await.unwrap().offset);
    }

    assert_eq!(offsets, (0..200).collect::<Vec<_>>());
    let values: Vec<_> = (0..200).map(|n: i32| n.to_string()).collect();
    assert_eq!(View::shared().values(&topic).await, values);
}

#[tokio::test]
async fn a_record_that_nobody_waits_for_arrives_and_flush_says_when() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "flush", 1).await;
    let publisher = publisher(&kafka).await;

    for n in 0..20 {
        drop(publisher.enqueue(ProducerRecord::new(topic.clone()).value(n.to_string())).await);
    }

    assert_eq!(publisher.flush(Duration::from_secs(30)).await, 0);
    assert_eq!(View::shared().values(&topic).await.len(), 20);
}

#[tokio::test]
async fn flush_says_how_many_are_left_when_the_time_is_over() {
    let publisher = publisher(&Kafka::new("localhost:1")).await;
    let sent = publisher.enqueue(ProducerRecord::new("topic")).await;
    let other = publisher.enqueue(ProducerRecord::new("topic")).await;

    let start = Instant::now();
    let left = publisher.flush(Duration::from_millis(300)).await;

    assert_eq!(left, 2);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    drop(publisher);
    for sent in [sent, other] {
        let error = sent.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Driver, "{error}");
    }
}

#[tokio::test]
async fn records_that_are_refused_are_listed_and_the_others_are_there() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "listed", 2).await;
    let record = |partition| ProducerRecord::new(topic.clone()).partition(partition).value("x");
    let publisher = publisher(&kafka).await;

    let error = publisher.send_all([0, 7, 1, 8].map(record).to_vec()).await.unwrap_err();
    let handle = publisher.enqueue(record(9)).await.await.unwrap_err();

    let failed: Vec<_> = error.failed().iter().map(|(index, it)| (*index, it.kind())).collect();
    assert_eq!(failed, [(1, ErrorKind::Publish), (3, ErrorKind::Publish)]);
    let delivered = error.delivered().iter().map(|(index, at)| (*index, at.partition));
    assert_eq!(delivered.collect::<Vec<_>>(), [(0, 0), (2, 1)]);
    assert!(
        error.to_string().starts_with("could not publish 2 of 4 records; record 1: "),
        "{error}"
    );
    assert_eq!(View::shared().ends(&topic, 2).await, [Some(1), Some(1)]);
    assert!(handle.to_string().contains(&*topic), "{handle}");
}

#[tokio::test]
async fn the_partition_of_a_key_is_where_its_records_go() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "partition-for", 7).await;
    let publisher = publisher(&kafka).await;
    let keys: Vec<String> =
        std::iter::once(String::new()).chain((0..20).map(|n| format!("key {n}"))).collect();

    let records = keys.iter().map(|key| ProducerRecord::new(topic.clone()).key(key.clone()));
    let delivered = publisher.send_all(records).await.unwrap();

    assert_eq!(publisher.partitions(topic.clone()).await.unwrap(), 7);
    for (key, delivered) in keys.iter().zip(delivered) {
        let partition = publisher.partition_for(topic.clone(), key.as_str()).await.unwrap();
        assert_eq!(partition, delivered.partition, "the partition of `{key}`");
    }
}

#[tokio::test]
async fn the_partitions_of_a_topic_that_does_not_exist_are_unknown_until_it_does() {
    let Some(kafka) = kafka() else { return };
    let name = unique("unknown");
    let producer = kafka.producer().await.unwrap();

    let error = producer.partitions(name.clone()).await.unwrap_err();
    let topic = milena_core::transport::NewTopic::new(name.clone()).partitions(4);
    kafka.create_topics(vec![topic]).await.unwrap();

    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    assert!(error.to_string().contains(&*name), "{error}");
    assert_eq!(producer.partitions(name).await.unwrap(), 4);
}

#[tokio::test]
async fn asking_for_partitions_blocks_nobody_and_ends_when_no_broker_answers() {
    let producer = Kafka::new("localhost:1").producer().await.unwrap();
    let start = Instant::now();

    let mut ticks = 0;
    let mut asked = producer.partitions("topic".into());
    let error = loop {
        tokio::select! {
            biased;
            result = &mut asked => break result.unwrap_err(),
            () = tokio::time::sleep(Duration::from_millis(100)) => ticks += 1,
        }
    };

    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(ticks > 20, "the task was held up: {ticks} ticks in {:?}", start.elapsed());
}
