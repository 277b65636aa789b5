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
    pub bytes: usize,
}

/// 1,000,000 payments of 100 bytes.
pub const PAYMENTS: Filled =
    Filled { name: "bench-payments", partitions: 6, records: 1_000_000, bytes: payload::BYTES };
/// 1,000,000 payments of 1 KiB.
pub const BACKLOG: Filled =
    Filled { name: "bench-backlog", partitions: 6, records: 1_000_000, bytes: 1024 };

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
        let producer: ThreadedProducer<DefaultProducerContext> =
            client::producer()?.set("linger.ms", "50").set("batch.size", "900000").create()?;
        for id in 0..self.records {
            let (key, value) = (payload::key(id), payload::value(id, self.bytes));
            let mut record = BaseRecord::to(self.name).key(&key).payload(&value);
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
}

/// Creates a topic, if it is not there.
pub async fn create(name: &str, partitions: i32) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = client::producer()?.create()?;
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    for result in admin.create_topics([&topic], &options).await? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => {
                return Err(KafkaError::AdminOp(code)).context(format!("topic {name}"));
            }
        }
    }
    Ok(())
}

fn held(topic: &str, partitions: i32) -> anyhow::Result<u64> {
    let consumer: BaseConsumer = client::consumer()?.create()?;
    let mut held = 0;
    for partition in 0..partitions {
        // A topic that has just been made may not be known everywhere yet.
        let marks =
            (0..20).find_map(|_| match consumer.fetch_watermarks(topic, partition, PATIENCE) {
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
