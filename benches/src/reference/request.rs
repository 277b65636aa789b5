//! Questions and answers by hand: a loop that answers, and one that reads answers.

use crate::{
    client,
    job::Seen,
    request::{PATIENCE, answers, measure},
};
use anyhow::{Context, anyhow};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer, StreamConsumer},
    message::{Header, Headers, OwnedHeaders},
    producer::{BaseRecord, DefaultProducerContext, ThreadedProducer},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::{sync::oneshot, time::timeout};

/// The name of the header that a question and its answer have in common.
const ID: &str = "correlation_id";

type Sender = ThreadedProducer<DefaultProducerContext>;
type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<String>>>>;

/// Answers and asks in one process.
pub async fn run(questions: &str) -> anyhow::Result<Seen> {
    let producer: Sender = client::producer()?.set("linger.ms", "0").create()?;
    let replies = answers(questions);
    let answering = tokio::spawn(answer(questions.to_owned(), replies.clone(), producer.clone()));
    let waiting = Waiting::default();
    let reader: StreamConsumer = client::consumer()?.create()?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(&replies, 0, Offset::Beginning)?;
    reader.assign(&partitions)?;
    let reading = tokio::spawn(read(reader, waiting.clone()));
    let seen = measure(async |number| {
        let (id, value) = (format!("id-{number}"), number.to_string());
        let (sender, answer) = oneshot::channel();
        waiting.lock().map_err(|_| anyhow!("a panic"))?.insert(id.clone(), sender);
        send(&producer, questions, &id, &value)?;
        timeout(PATIENCE, answer).await.context("no answer came")?.context("nobody reads")
    })
    .await;
    answering.abort();
    reading.abort();
    seen
}

async fn answer(questions: String, replies: String, producer: Sender) -> anyhow::Result<()> {
    let consumer: StreamConsumer = client::consumer()?.create()?;
    consumer.subscribe(&[&questions])?;
    loop {
        let question = consumer.recv().await?;
        let value = String::from_utf8(question.payload().unwrap_or_default().to_vec())?;
        send(&producer, &replies, &id_of(&question).unwrap_or_default(), &value)?;
        consumer.store_offset_from_message(&question)?;
        if question.offset() % 1000 == 999 {
            consumer.commit_consumer_state(CommitMode::Async)?;
        }
    }
}

async fn read(consumer: StreamConsumer, waiting: Waiting) -> anyhow::Result<()> {
    loop {
        let answer = consumer.recv().await?;
        let value = String::from_utf8(answer.payload().unwrap_or_default().to_vec())?;
        let asked = id_of(&answer)
            .and_then(|id| waiting.lock().ok().and_then(|mut waiting| waiting.remove(&id)));
        if let Some(asked) = asked {
            let _ = asked.send(value);
        }
    }
}

fn send(producer: &Sender, topic: &str, id: &str, value: &str) -> anyhow::Result<()> {
    let headers = OwnedHeaders::new().insert(Header { key: ID, value: Some(id) });
    let record = BaseRecord::<(), str>::to(topic).payload(value).headers(headers);
    producer.send(record).map_err(|(error, _)| error.into())
}

fn id_of(message: &impl Message) -> Option<String> {
    let headers = message.headers()?;
    let header = headers.iter().find(|header| header.key == ID)?;
    Some(String::from_utf8_lossy(header.value?).into_owned())
}
