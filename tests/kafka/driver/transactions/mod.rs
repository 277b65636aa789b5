//! Transactions of the driver, called as the runtime would.

mod generations;
mod outcomes;
mod sessions;

use super::member::Member;
use crate::{
    faults::view::View,
    kit::{fill, kafka, topic, unique},
};
use milena_core::{
    Error, ProducerRecord, TopicPartition,
    transport::{Delivered, GroupMetadata, Transactions, Transport as _},
};
use milena_rdkafka::Kafka;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// As long as a transaction may be open where that does not matter.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A session of transactions of this id.
async fn session(kafka: &Kafka, id: &Arc<str>) -> Arc<dyn Transactions> {
    kafka.transactions(id.clone(), TIMEOUT).await.unwrap()
}

/// Publishes one record, and waits for its receipt.
async fn publish(
    session: &Arc<dyn Transactions>,
    topic: &Arc<str>,
    value: &str,
) -> Result<Delivered, Error> {
    let record = ProducerRecord::new(topic.clone()).value(value.to_owned());
    let sent = session.producer().send_all(vec![record]).await;
    sent.map(|sent| sent[0]).map_err(Error::from)
}

fn at(topic: &Arc<str>, partition: i32) -> TopicPartition {
    TopicPartition::new(topic.clone(), partition)
}

/// A member that has read all ten records of a topic's only partition, and a topic to publish to.
struct Rig {
    kafka: Kafka,
    input: Arc<str>,
    output: Arc<str>,
    group: Arc<str>,
    id: Arc<str>,
    member: Member,
}

impl Rig {
    async fn new(name: &str) -> Option<Self> {
        let kafka = kafka()?;
        let (input, output) = (topic(&kafka, name, 1).await, topic(&kafka, name, 1).await);
        fill(&kafka, &input, 1, 0..10).await;
        let (group, id) = (unique(name), unique(name));
        let mut member = Member::join(&kafka, &group, &[&input]).await;
        member.until(|member| member.read.len() == 10).await;
        Some(Self { kafka, input, output, group, id, member })
    }

    async fn metadata(&mut self) -> GroupMetadata {
        self.member.consumer.group_metadata(vec![at(&self.input, 0)]).await.unwrap()
    }

    async fn send_offset(&mut self, session: &Arc<dyn Transactions>, offset: i64) {
        let metadata = self.metadata().await;
        session.send_offsets(vec![(at(&self.input, 0), offset)], metadata).await.unwrap();
    }

    async fn committed(&self) -> Option<i64> {
        View::shared().committed(&self.group, &self.input, 1).await[0]
    }

    async fn published(&self) -> Vec<String> {
        View::shared().values(&self.output).await
    }
}

#[tokio::test]
async fn what_is_published_and_the_offsets_are_committed_in_one_step() {
    let Some(mut rig) = Rig::new("together").await else { return };
    let session = session(&rig.kafka, &rig.id).await;

    let mut took = Vec::new();
    for n in 1..=5 {
        session.begin().await.unwrap();
        let record = ProducerRecord::new(rig.output.clone()).value(n.to_string());
        let producer = session.producer().clone();
        let sent = tokio::spawn(async move { producer.send_all(vec![record]).await });
        let start = Instant::now();
        rig.send_offset(&session, n).await;
        session.commit().await.unwrap();
        took.push(start.elapsed());
        sent.await.unwrap().unwrap();
    }
    println!("offsets and commit took {took:?}");

    assert_eq!(rig.published().await, ["1", "2", "3", "4", "5"]);
    assert_eq!(rig.committed().await, Some(5));
}

#[tokio::test]
async fn what_is_aborted_is_never_seen() {
    let Some(mut rig) = Rig::new("aborted").await else { return };
    let session = session(&rig.kafka, &rig.id).await;

    session.begin().await.unwrap();
    publish(&session, &rig.output, "never").await.unwrap();
    rig.send_offset(&session, 7).await;
    session.abort().await.unwrap();
    // There is none any more, so nothing is to be done.
    session.abort().await.unwrap();
    session.begin().await.unwrap();
    publish(&session, &rig.output, "seen").await.unwrap();
    session.commit().await.unwrap();

    assert_eq!(rig.published().await, ["seen"]);
    assert_eq!(rig.committed().await, None);
    assert_eq!(View::shared().records_uncommitted(&rig.output).await.len(), 2);
}

#[tokio::test]
async fn offsets_alone_are_a_transaction_and_so_is_nothing() {
    let Some(mut rig) = Rig::new("alone").await else { return };
    let session = session(&rig.kafka, &rig.id).await;

    session.begin().await.unwrap();
    rig.send_offset(&session, 4).await;
    session.commit().await.unwrap();
    session.begin().await.unwrap();
    session.commit().await.unwrap();

    assert_eq!(rig.committed().await, Some(4));
}
