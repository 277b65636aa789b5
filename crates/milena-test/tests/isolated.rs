//! Topics and groups with names of their own, on a broker that creates no topic by itself.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use milena_core::{
    ProducerRecord, TopicPartition,
    error::ErrorKind,
    transport::{Membership, NewTopic, Producer, Transport},
};
use milena_memory::Memory;
use milena_test::Isolated;
use std::{sync::Arc, time::Duration};

fn broker() -> Memory {
    Memory::new().without_auto_create()
}

async fn write(producer: &Arc<dyn Producer>, topic: &str, numbers: std::ops::Range<u32>) {
    let record = |number: u32| ProducerRecord::new(topic).value(number.to_string());
    producer.send_all(numbers.map(record).collect()).await.unwrap();
}

#[tokio::test]
async fn a_topic_comes_into_being_when_it_is_written_and_keeps_the_order() {
    let broker = broker();
    let isolated = Isolated::new(broker.clone()).default_partitions(1);
    let producer = isolated.producer().await.unwrap();

    // More than may wait for their topic.
    write(&producer, "orders", 0..3000).await;

    assert_eq!(*isolated.topics(), ["orders".into()]);
    let records = broker.records(&isolated.name_of("orders"));
    let values = records.iter().map(|it| str::from_utf8(it.value().unwrap()).unwrap());
    let numbers: Vec<u32> = values.map(|value| value.parse().unwrap()).collect();
    assert_eq!(numbers, (0..3000).collect::<Vec<_>>());
}

#[tokio::test]
async fn flush_waits_for_records_whose_topic_is_being_created() {
    let broker = broker();
    let isolated = Isolated::new(broker.clone()).default_partitions(3);
    let producer = isolated.producer().await.unwrap();
    let publisher = milena_core::Publisher::new(producer.clone());
    drop(publisher.enqueue(ProducerRecord::new("orders").value("x")).await);

    assert_eq!(producer.flush(Duration::from_secs(5)).await, 0);

    assert_eq!(broker.records(&isolated.name_of("orders")).len(), 1);
    assert_eq!(producer.partitions("orders".into()).await.unwrap(), 3);
    assert_eq!(producer.partitions("other".into()).await.unwrap(), 3);
}

#[tokio::test]
async fn a_topic_that_cannot_be_created_is_told_by_the_receipt() {
    let isolated = Isolated::new(broker()).without_auto_create();
    let producer = isolated.producer().await.unwrap();

    let error = producer.send_all(vec![ProducerRecord::new("orders")]).await.unwrap_err();

    let error = milena_core::Error::from(error);
    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    assert!(error.to_string().contains("topic `orders`"), "{error}");
}

#[tokio::test]
async fn two_see_nothing_of_each_other() {
    let broker = broker();
    let (one, two) = (Isolated::new(broker.clone()), Isolated::new(broker.clone()));
    let topic = || vec![NewTopic::new("orders").partitions(2)];
    one.create_topics(topic()).await.unwrap();

    let described = two.describe_topics(vec!["orders".into()]).await.unwrap();

    assert_eq!(described, [None]);
    let described = one.describe_topics(vec!["orders".into()]).await.unwrap();
    assert_eq!(&*described[0].as_ref().unwrap().name, "orders");
    let consumer = two.consumer(Membership::new("billing", ["orders"])).await.unwrap();
    let place = TopicPartition::new("orders", 0);
    let bounds = consumer.lookup().bounds(vec![place]).await.unwrap();
    assert_eq!((bounds[0].start, bounds[0].end), (0, 0));
    assert_eq!(broker.members(&two.name_of("billing")), 1);
    assert_eq!(broker.members(&one.name_of("billing")), 0);
}
