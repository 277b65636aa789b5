//! The options of every client of a measurement: those of Milena that bear on speed, for the references as well.

use anyhow::Context;
use rdkafka::ClientConfig;

/// The broker to measure on.
pub fn brokers() -> anyhow::Result<String> {
    std::env::var("KAFKA_BROKERS")
        .context("KAFKA_BROKERS is not set; scripts/kafka starts a broker")
}

/// A consumer of a group of its own, from the earliest record on.
pub fn consumer() -> anyhow::Result<ClientConfig> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers()?)
        .set("group.id", group())
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("fetch.queue.backoff.ms", "10")
        .set("check.crcs", "true")
        .set("queued.max.messages.kbytes", "8192");
    Ok(config)
}

/// A producer that loses nothing: idempotent, acknowledged by all.
pub fn producer() -> anyhow::Result<ClientConfig> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers()?)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random");
    Ok(config)
}

/// A group that nobody has used.
pub fn group() -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("bench-{}-{}", std::process::id(), now.as_nanos())
}
