//! Topics with records in them, made once and kept for the next run on the same broker.

use crate::{client, payload};
use anyhow::{Context, bail};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A topic to read from.
#[derive(Clone, Copy, Debug)]
pub struct Filled {
    pub name: &'static str,
    pub partitions: i32,
    pub records: u64,
    /// How many keys the records have, one after the other.
    pub keys: u64,
    pub bytes: usize,
}

/// 1,000,000 payments of 100 bytes.
pub const PAYMENTS: Filled = Filled {
    name: "bench-payments",
    partitions: 6,
    records: 1_000_000,
    keys: payload::KEYS,
    bytes: payload::BYTES,
};
/// 1,000,000 payments of 1 KiB.
pub const BACKLOG: Filled = Filled { name: "bench-backlog", bytes: 1024, ..PAYMENTS };
/// 10,000 payments of one partition.
pub const ERRANDS: Filled =
    Filled { name: "bench-errands", partitions: 1, records: 10_000, keys: 1000, ..PAYMENTS };

impl Filled {
    /// Creates and fills the topic, if it is not there and full.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        create(self.name, self.partitions).await?;
        let held = held(self.name, self.partitions)?;
        if held == self.records {
            return Ok(());
        }
        if held > 0 {
            bail!("topic {} holds {held} records and not {}: delete it", self.name, self.records);
        }
        eprintln!(
            "filling topic {} with {} records of {} bytes",
            self.name, self.records, self.bytes
        );
        self.fill()
    }

    fn fill(&self) -> anyhow::Result<()> {
        produce(self.records, |id| {
            (self.name.into(), payload::key(id % self.keys), payload::value(id, self.bytes))
        })
    }
}

/// Writes so many records: the topic, the key and the value that each number has.
pub fn produce(
    records: u64,
    record: impl Fn(u64) -> (String, String, String),
) -> anyhow::Result<()> {
    let producer: ThreadedProducer<DefaultProducerContext> =
        client::producer()?.set("linger.ms", "50").set("batch.size", "900000").create()?;
    for id in 0..records {
        let (topic, key, value) = record(id);
        let mut record = BaseRecord::to(&topic).key(&key).payload(&value);
        while let Err((error, back)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            std::thread::sleep(Duration::from_millis(5));
            record = back;
        }
    }
    producer.flush(PATIENCE).context("the records could not be written")
}

/// Creates a topic, if it is not there.
pub async fn create(name: &str, partitions: i32) -> anyhow::Result<()> {
    create_all(&[name.into()], partitions).await
}

/// Creates those of the topics that are not there.
pub async fn create_all(names: &[String], partitions: i32) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = client::producer()?.create()?;
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let new = |name| NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
    let topics: Vec<_> = names.iter().map(|name| new(name)).collect();
    for result in admin.create_topics(&topics, &options).await? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                return Err(KafkaError::AdminOp(code)).context(format!("topic {name}"));
            }
        }
    }
    Ok(())
}

/// How many records the topic holds.
pub fn held(topic: &str, partitions: i32) -> anyhow::Result<u64> {
    let consumer: BaseConsumer = client::consumer()?.create()?;
    let mut held = 0;
    for partition in 0..partitions {
        // A topic that has just been made may not be known everywhere yet.
        let marks =
            (0..200).find_map(|_| match consumer.fetch_watermarks(topic, partition, PATIENCE) {
                Ok(marks) => Some(marks),
                Err(_) => {
                    std::thread::sleep(Duration::from_millis(100));
                    None
                }
            });
        let (low, high) =
            marks.with_context(|| format!("the end of {topic}/{partition} cannot be read"))?;
        held += (high - low).unsigned_abs();
    }
    Ok(held)
}
