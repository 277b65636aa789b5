use crate::kit::{self, kafka};
use milena_core::{
    ProducerRecord,
    error::ErrorKind,
    transport::{Acks, Compression, Partitioner, ProducerConfig, Transport as _},
};
use milena_rdkafka::Kafka;
use std::{sync::Arc, time::Duration};

/// Where a record of this key goes.
async fn partition_of(kafka: &Kafka, topic: &Arc<str>, key: &'static str) -> i32 {
    let record = ProducerRecord::new(topic.clone()).key(key);
    kafka.producer().await.unwrap().send_all(vec![record]).await.unwrap()[0].partition
}

#[tokio::test]
async fn a_record_that_is_larger_than_a_request_may_be_is_refused() {
    let Some(kafka) = kafka() else { return };
    let topic = kit::topic(&kafka, "request-size", 1).await;
    let kafka = kafka.producer_config(ProducerConfig::new().max_request_size(10_000));
    let record = |bytes| vec![ProducerRecord::new(topic.clone()).value(vec![7; bytes])];
    let producer = kafka.producer().await.unwrap();

    let error = producer.send_all(record(10_000)).await.unwrap_err();
    producer.send_all(record(9_000)).await.unwrap();

    assert!(format!("{error:?}").contains("TooLarge"), "{error:?}");
}

#[tokio::test]
async fn the_partitioner_decides_where_a_key_goes() {
    let Some(kafka) = kafka() else { return };
    let topic = kit::topic(&kafka, "partitioner", 8).await;
    let crc = kafka
        .clone()
        .producer_config(ProducerConfig::new().partitioner(Partitioner::ConsistentRandom));

    assert_eq!(partition_of(&kafka, &topic, "abc").await, 3);
    // The CRC32 of "abc" is 891568578, and its murmur2 479470107.
    assert_eq!(partition_of(&crc, &topic, "abc").await, 2);
}

#[tokio::test]
async fn every_option_that_is_taken_can_be_used_with_all_others() {
    let Some(kafka) = kafka() else { return };
    let topic = kit::topic(&kafka, "every-option", 1).await;
    let second = Duration::from_secs(1);
    for with in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
        let config = ProducerConfig::new()
            .client_id("every-option")
            .client_rack("here")
            .retry_backoff(2 * second)
            .metadata_max_age(60 * second)
            .connections_max_idle(Duration::ZERO)
            .api_version("auto")
            .linger(Duration::ZERO)
            .batch_size(16 << 10)
            .max_request_size(1 << 20)
            .compression(with)
            .partitioner(Partitioner::Murmur2)
            .buffer_memory(1 << 20)
            .buffer_records(100)
            .acks(Acks::All)
            .enable_idempotence(true)
            .max_in_flight(1)
            .request_timeout(40 * second)
            .transaction_timeout(60 * second);

        assert_eq!(partition_of(&kafka.clone().producer_config(config), &topic, "key").await, 0);
    }
}

#[tokio::test]
async fn a_configuration_that_could_lose_a_record_makes_no_producer() {
    for (config, option) in [
        (ProducerConfig::new().acks(Acks::Leader), "`acks`"),
        (ProducerConfig::new().enable_idempotence(false), "`enable.idempotence`"),
        (ProducerConfig::new().retries(3), "`retries`"),
        (ProducerConfig::new().max_in_flight(6), "`max.in.flight`"),
    ] {
        let kafka = Kafka::new("localhost:1").producer_config(config);

        let error = kafka.producer().await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(option), "{error}");
    }
}
