use super::pending::{Pending, Waiting};
use milena_core::{
    error::{Error, ErrorKind},
    record::{Chunk, Record, TopicPartition, names},
    transport::{
        Consumer, ConsumerConfig, Event, Membership, Producer, Reset, Selection, StartAt, Transport,
    },
};
use std::{future::poll_fn, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

/// How long the consumer of answers may take to end.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Who reads the answers of a service in one partition of a topic.
pub(super) struct Reader {
    at: TopicPartition,
    pending: Arc<Pending>,
    stop: Arc<Notify>,
    ended: watch::Receiver<bool>,
}

impl Reader {
    /// Begins to read behind the newest record. What is asked from now on has its answer read.
    pub(super) async fn start(
        transport: &dyn Transport,
        producer: &dyn Producer,
        pending: Arc<Pending>,
    ) -> Result<Self, Error> {
        let topic = pending.topic().clone();
        let fail = |error: Error| {
            let message = format!("could not read answers in topic `{topic}`: {error}");
            Error::new(error.kind(), message).with_source(error)
        };
        let partitions = producer.partitions(topic.clone()).await.map_err(fail)?;
        // Instances are not told of each other, so that they spread by chance.
        let at = TopicPartition::new(topic.clone(), fastrand::i32(0..partitions.max(1)));
        let consumer = transport.consumer(alone(at.clone())).await.map_err(fail)?;
        let reading = Reading::begin(consumer, at.clone(), pending.clone()).await.map_err(fail)?;
        let stop = Arc::new(Notify::new());
        let (end, ended) = watch::channel(false);
        let stopped = stop.clone();
        tokio::spawn(async move {
            reading.run(stopped).await;
            end.send_replace(true);
        });
        tracing::debug!(%at, "answers are read");
        Ok(Self { at, pending, stop, ended })
    }

    pub(super) fn partition(&self) -> i32 {
        self.at.partition
    }

    /// Waits for the answer to the request of this correlation id.
    pub(super) fn wait(&self, id: &[u8]) -> Result<Waiting, Error> {
        self.pending.wait(id)
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Reads no more.
    pub(super) async fn close(&self) {
        self.pending.close();
        self.stop.notify_one();
        // The task is gone when nobody can say so.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

/// A consumer of this partition that shares it with nobody.
fn alone(at: TopicPartition) -> Membership {
    Membership {
        group: None,
        selection: Selection::Partitions(vec![at]),
        start: StartAt::Latest,
        // Answers that are there are better than none.
        reset: Reset::Earliest,
        config: ConsumerConfig::default(),
    }
}

/// The task that reads.
struct Reading {
    consumer: Box<dyn Consumer>,
    at: TopicPartition,
    pending: Arc<Pending>,
    /// The offset behind the last record that was read.
    next: i64,
}

impl Reading {
    /// Begins where the partition ends now.
    async fn begin(
        consumer: Box<dyn Consumer>,
        at: TopicPartition,
        pending: Arc<Pending>,
    ) -> Result<Self, Error> {
        let bounds = consumer.lookup().bounds(vec![at.clone()]).await?;
        let next = bounds.first().map_or(0, |bounds| bounds.end);
        let mut reading = Self { consumer, at, pending, next };
        loop {
            match reading.event().await {
                Event::Assigned(_) => {
                    reading.assign();
                    return Ok(reading);
                }
                Event::Failed(error) => return Err(error),
                Event::Closed => return Err(reading.left()),
                event => reading.heard(event),
            }
        }
    }

    async fn run(mut self, stop: Arc<Notify>) {
        let stopped = stop.notified();
        tokio::pin!(stopped);
        loop {
            let event = tokio::select! {
                event = self.event() => event,
                () = &mut stopped => break,
            };
            match event {
                Event::Records(chunk) => self.read(&Arc::new(chunk)),
                Event::Assigned(_) => self.assign(),
                Event::Revoked(places, _) => self.consumer.release(places),
                Event::Failed(error) => {
                    tracing::error!(at = %self.at, %error, "answers cannot be read any more");
                    break;
                }
                Event::Closed => break,
                event => self.heard(event),
            }
        }
        self.pending.close();
        self.consumer.close(CLOSE_WITHIN);
        let closed = async { while !matches!(self.event().await, Event::Closed) {} };
        // One that takes longer is dropped.
        let _ = timeout(CLOSE_WITHIN, closed).await;
    }

    async fn event(&mut self) -> Event {
        poll_fn(|cx| self.consumer.poll_event(cx)).await
    }

    fn assign(&mut self) {
        self.consumer.assign(vec![(self.at.clone(), Some(self.next))]);
    }

    /// Gives each answer to who waits for it.
    fn read(&mut self, chunk: &Arc<Chunk>) {
        for index in 0..chunk.len() as u32 {
            let answer = Record::new(chunk.clone(), index);
            self.next = answer.offset() + 1;
            let headers = answer.headers();
            self.pending.answered(headers.get(names::CORRELATION_ID), answer);
        }
    }

    fn heard(&self, event: Event) {
        match event {
            Event::Trouble(error) => {
                tracing::warn!(at = %self.at, %error, "the broker gives trouble to who reads answers");
            }
            Event::Reset { from, to, .. } => {
                tracing::warn!(at = %self.at, from, to, "answers were not there any more where they were to be read");
            }
            _ => {}
        }
    }

    fn left(&self) -> Error {
        Error::new(ErrorKind::Driver, format!("the consumer of `{}` left", self.at))
    }
}
