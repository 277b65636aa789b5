//! Transactions that a program begins and ends itself.

use milena::{
    Memory,
    error::ErrorKind,
    transport::{IsolationLevel, TransactionalProducer},
};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);

fn seen(broker: &Memory) -> Vec<String> {
    let records = broker.records_at("t", IsolationLevel::ReadCommitted);
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    records.iter().map(|record| text(record.value().unwrap_or_default())).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_is_seen_and_what_is_aborted_or_dropped_never() {
    let broker = Memory::new();
    let mut producer = TransactionalProducer::open(&broker, "id", TIMEOUT).await.unwrap();
    let transaction = producer.begin().await.unwrap();
    transaction.publish("t", vec!["a", "b"]).await.unwrap();
    assert_eq!(seen(&broker), [""; 0]);
    transaction.commit().await.unwrap();
    assert_eq!(seen(&broker), ["a", "b"]);

    let transaction = producer.begin().await.unwrap();
    transaction.publish("t", "aborted").await.unwrap();
    transaction.abort().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    transaction.publish("t", "dropped").await.unwrap();
    drop(transaction);
    let transaction = producer.begin().await.unwrap();
    transaction.publish("t", "c").await.unwrap();
    transaction.commit().await.unwrap();

    assert_eq!(seen(&broker), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_producer_of_an_id_fences_the_first() {
    let broker = Memory::new();
    let mut first = TransactionalProducer::open(&broker, "id", TIMEOUT).await.unwrap();
    let transaction = first.begin().await.unwrap();
    transaction.publish("t", "first").await.unwrap();
    let mut second = TransactionalProducer::open(&broker, "id", TIMEOUT).await.unwrap();

    assert_eq!(transaction.commit().await.unwrap_err().kind(), ErrorKind::Fenced);
    let transaction = second.begin().await.unwrap();
    transaction.publish("t", "second").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(seen(&broker), ["second"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_refused_leaves_nothing_of_its_transaction() {
    let broker = Memory::new();
    broker.faults().limit_record_bytes(Some(100));
    let mut producer = TransactionalProducer::open(&broker, "id", TIMEOUT).await.unwrap();
    let transaction = producer.begin().await.unwrap();
    transaction.publish("t", "small").await.unwrap();
    let error = transaction.publish("t", "x".repeat(200)).await.unwrap_err();
    let ended = transaction.commit().await.unwrap_err();
    let transaction = producer.begin().await.unwrap();
    transaction.publish("t", "next").await.unwrap();
    transaction.commit().await.unwrap();

    assert_eq!((error.kind(), ended.kind()), (ErrorKind::TooLarge, ErrorKind::Aborted));
    assert_eq!(broker.faults().fired().records_too_large, 1);
    assert_eq!(seen(&broker), ["next"]);
}
