//! A loop over rdkafka's `StreamConsumer`, with serde_json.

use crate::{
    client,
    job::{Job, Seen},
    payload::Payment,
    topics::PAYMENTS,
};
use anyhow::Context;
use rdkafka::{
    Message,
    consumer::{Consumer, StreamConsumer},
};
use std::hint::black_box;

/// Decodes every payment.
pub async fn consume() -> anyhow::Result<Seen> {
    let job = Job::new(PAYMENTS.records);
    each(PAYMENTS.name, |value| {
        let payment: Payment = serde_json::from_slice(value)?;
        black_box(&payment);
        job.handled(1);
        Ok(job.count() < PAYMENTS.records)
    })
    .await?;
    job.seen().context("the job did not end")
}

/// Calls `handler` with each value of `topic`, until it says that it has seen enough.
pub async fn each(
    topic: &str,
    mut handler: impl FnMut(&[u8]) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let consumer: StreamConsumer = client::consumer()?.create()?;
    consumer.subscribe(&[topic])?;
    loop {
        let message = consumer.recv().await?;
        if !handler(message.payload().unwrap_or_default())? {
            return Ok(());
        }
    }
}
