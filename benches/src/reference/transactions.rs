//! Decode, change, and publish in transactions with the offsets behind that: by hand, in one loop.

use super::{
    pipeline::send,
    raw::{Reader, commit_transaction},
};
use crate::{
    client,
    job::{Job, Seen},
    payload::{Payment, change},
    topics::PAYMENTS,
    transactions::Every,
};
use anyhow::Context;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::Consumer,
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(60);

type Transactional = ThreadedProducer<DefaultProducerContext>;

/// Taxes every payment.
pub async fn run(target: &str, every: Every) -> anyhow::Result<Seen> {
    let job = Job::new(PAYMENTS.records);
    let mut reader = Reader::start(&[PAYMENTS.name])?;
    let producer: Transactional =
        client::producer()?.set("transactional.id", client::group()).create()?;
    producer.init_transactions(PATIENCE)?;
    producer.begin_transaction()?;
    let (mut began, mut records, mut offsets) = (Instant::now(), 0, BTreeMap::new());
    while job.count() < PAYMENTS.records {
        for message in reader.batch().await? {
            let payment: Payment = serde_json::from_slice(message.value())?;
            let value = serde_json::to_vec(&change(payment))?;
            send(&producer, BaseRecord::to(target).key(message.key()).payload(&value)).await?;
            let (partition, offset) = message.place();
            offsets.insert(partition, offset + 1);
            records += 1;
            job.handled(1);
            if every.is_over(records) {
                commit(&producer, &reader, &offsets)?;
                producer.begin_transaction()?;
                (began, records) = (Instant::now(), 0);
            }
        }
        if every.is_due(began) {
            commit(&producer, &reader, &offsets)?;
            producer.begin_transaction()?;
            (began, records) = (Instant::now(), 0);
        }
    }
    commit(&producer, &reader, &offsets)?;
    reader.stop();
    job.finished().context("the job did not end")
}

fn commit(
    producer: &Transactional,
    reader: &Reader,
    offsets: &BTreeMap<i32, i64>,
) -> anyhow::Result<()> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(PAYMENTS.name, *partition, Offset::Offset(*offset))?;
    }
    let group = reader.consumer().group_metadata().context("the consumer is in no group")?;
    producer.send_offsets_to_transaction(&list, &group, PATIENCE)?;
    commit_transaction(producer, PATIENCE)
}
