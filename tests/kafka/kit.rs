//! What all tests share: the broker, if there is one, and topics of their own.

use milena_core::{
    ProducerRecord,
    transport::{NewTopic, Transport as _},
};
use milena_rdkafka::Kafka;
use std::{
    io::Write as _,
    sync::{
        Arc, Once,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Nothing in a test takes longer unless it is stuck.
pub(crate) const STUCK: Duration = Duration::from_secs(60);

/// Kafka, if there is one.
pub(crate) fn kafka() -> Option<Kafka> {
    if std::env::var_os("KAFKA_BROKERS").is_none() {
        skip();
        return None;
    }
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    Some(Kafka::from_env().unwrap())
}

/// Says once that there is no Kafka, past what captures the output of tests.
fn skip() {
    let required = std::env::var_os("MILENA_REQUIRE_KAFKA").is_some_and(|value| value == "1");
    assert!(!required, "KAFKA_BROKERS is not set, and MILENA_REQUIRE_KAFKA asks for it");
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let line = "the tests that need a Kafka are skipped: KAFKA_BROKERS is not set\n";
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
}

/// A name that nobody had before.
pub(crate) fn unique(name: &str) -> Arc<str> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!("{name}-{now}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

pub(crate) async fn topic(kafka: &Kafka, name: &str, partitions: i32) -> Arc<str> {
    let name = unique(name);
    kafka.create_topics(vec![NewTopic::new(name.clone()).partitions(partitions)]).await.unwrap();
    name
}

/// Writes the numbers `from..to` to each partition, as values.
pub(crate) async fn fill(
    kafka: &Kafka,
    topic: &Arc<str>,
    partitions: i32,
    numbers: std::ops::Range<u64>,
) {
    let producer = kafka.producer().await.unwrap();
    let records = numbers.flat_map(|number| {
        (0..partitions).map(move |partition| {
            ProducerRecord::new(topic.clone()).partition(partition).value(number.to_string())
        })
    });
    producer.send_all(records.collect()).await.unwrap();
}

/// Asks a broker, and again while it is too busy to know.
pub(crate) fn ask<T>(what: impl Fn() -> rdkafka::error::KafkaResult<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        match what() {
            Ok(answer) => return answer,
            Err(error) => assert!(start.elapsed() < STUCK, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
