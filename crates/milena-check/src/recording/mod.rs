//! What records a history: a transport around the transport, and a layer around handlers.

mod attempts;
mod consumer;
mod producer;
mod transactions;

pub use self::attempts::Attempts;

use self::{
    consumer::RecordedConsumer, producer::RecordedProducer, transactions::RecordedTransactions,
};
use crate::{At, History, What};
use milena_core::{
    error::Error,
    record::{Headers, Record},
    transport::{
        BoxFuture, Consumer, Creation, Membership, NewTopic, Producer, TopicDescription,
        Transactions, Transport,
    },
};
use std::{fmt, sync::Arc, time::Duration};

/// The header that says of which records a record came: `topic/partition/offset`, several with commas between them.
pub const SOURCE: &str = "milena-check-source";

/// The header that says in which call a handler published a record itself: [`beside`] writes it.
pub const BESIDE: &str = "milena-check-beside";

/// The value of [`BESIDE`] in a call with this record. Each call publishes one such record at most.
pub fn beside(record: &Record) -> String {
    format!("{}#{}", At::of(record), record.attempt())
}

/// The record of the call that published a record itself, and the attempt that it was.
pub(crate) fn published_beside(headers: &Headers) -> Option<(At, u32)> {
    let text = std::str::from_utf8(headers.get(BESIDE)?).ok()?;
    let (at, attempt) = text.split_once('#')?;
    Some((At::parse(at)?, attempt.parse().ok()?))
}

/// Of which records a record came, and whether as a dead letter.
pub(crate) fn sources(headers: &Headers) -> (Vec<At>, bool) {
    let text = |name: &str| headers.get(name).and_then(|value| std::str::from_utf8(value).ok());
    let letter = |part: &str| text(&format!("milena-dead-letter-{part}"));
    let places = (letter("topic"), letter("partition"), letter("offset"));
    if let (Some(topic), Some(partition), Some(offset)) = places {
        let at = At::parse(&format!("{topic}/{partition}/{offset}"));
        return (at.into_iter().collect(), true);
    }
    (text(SOURCE).into_iter().flat_map(|it| it.split(',')).filter_map(At::parse).collect(), false)
}

/// How many attempts a dead letter tells of.
pub(crate) fn attempts(headers: &Headers) -> Option<u32> {
    std::str::from_utf8(headers.get("milena-dead-letter-attempts")?).ok()?.parse().ok()
}

/// Who records, and of whom.
#[derive(Clone)]
pub(crate) struct Pen {
    history: History,
    instance: Arc<str>,
}

impl Pen {
    fn note(&self, what: What) {
        self.history.push(&self.instance, what);
    }
}

/// A transport of which everything is recorded that an instance does; [`History::transport`] makes one.
pub struct Recorded<T> {
    transport: T,
    pen: Pen,
}

impl<T> Recorded<T> {
    pub(crate) fn new(transport: T, history: History, instance: Arc<str>) -> Self {
        Self { transport, pen: Pen { history, instance } }
    }
}

impl<T: Transport> Transport for Recorded<T> {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        Box::pin(async {
            let consumer = self.transport.consumer(membership).await?;
            Ok(Box::new(RecordedConsumer::new(consumer, self.pen.clone())) as _)
        })
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        Box::pin(async {
            let producer = self.transport.producer().await?;
            Ok(Arc::new(RecordedProducer::new(producer, self.pen.clone(), None)) as _)
        })
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<Vec<Creation>, Error>> {
        self.transport.create_topics(topics)
    }

    fn describe_topics(
        &self,
        topics: Vec<Arc<str>>,
    ) -> BoxFuture<'_, Result<Vec<Option<TopicDescription>>, Error>> {
        self.transport.describe_topics(topics)
    }

    fn transactions(
        &self,
        id: Arc<str>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Arc<dyn Transactions>, Error>> {
        Box::pin(async move {
            let transactions = self.transport.transactions(id.clone(), timeout).await?;
            Ok(Arc::new(RecordedTransactions::new(transactions, self.pen.clone(), id)) as _)
        })
    }
}

impl<T> fmt::Debug for Recorded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recorded({})", self.pen.instance)
    }
}
