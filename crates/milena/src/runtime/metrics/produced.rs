use super::{Labels, table};
use crate::runtime::counters::Counter;
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::{BoxFuture, Delivered, Full, Producer, Receipt, Witness},
};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{task::AbortHandle, time::sleep};

/// How many topics are counted apart; what goes to others is counted together, as topic `(other)`.
const TOPICS: usize = 200;

/// The same producer of this cluster, of which is counted what the broker answers.
pub(crate) fn counted(producer: Arc<dyn Producer>, cluster: &Arc<str>) -> Arc<dyn Producer> {
    let topics = Arc::<Topics>::default();
    let told = topics.clone();
    let telling = tokio::spawn(async move {
        loop {
            sleep(super::EVERY).await;
            told.tell();
        }
    });
    let (cluster, telling) = (Labels::of(cluster), telling.abort_handle());
    Arc::new(Counted { producer, cluster, topics, telling })
}

struct Counted {
    producer: Arc<dyn Producer>,
    cluster: Labels,
    topics: Arc<Topics>,
    telling: AbortHandle,
}

impl Producer for Counted {
    fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        let witness = self.topics.of(&record.topic, &self.cluster).clone();
        self.producer.enqueue(record, receipt.with_witness(witness))
    }

    fn enqueue_copy(&self, record: &ProducerRecord, receipt: Receipt) -> Result<(), Receipt> {
        let witness = self.topics.of(&record.topic, &self.cluster).clone();
        self.producer.enqueue_copy(record, receipt.with_witness(witness))
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        self.producer.room()
    }

    fn flush(&self, within: Duration) -> BoxFuture<'_, usize> {
        Box::pin(async move {
            let left = self.producer.flush(within).await;
            self.topics.tell();
            left
        })
    }

    fn partitions(&self, topic: Arc<str>) -> BoxFuture<'_, Result<i32, Error>> {
        self.producer.partitions(topic)
    }

    fn reach(&self, within: Duration) -> BoxFuture<'_, Result<(), Error>> {
        self.producer.reach(within)
    }

    fn failed(&self) -> BoxFuture<'_, Error> {
        self.producer.failed()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.telling.abort();
        self.topics.tell();
    }
}

/// What is counted of each topic: a list that only grows, so that it is read without a lock.
#[derive(Default)]
struct Topics(OnceLock<Box<Node>>);

struct Node {
    topic: Arc<Produced>,
    next: Topics,
}

/// What was published to a topic.
struct Produced {
    topic: Arc<str>,
    labels: Labels,
    confirmed: Counter,
    /// By reason, in the order of `REASONS`.
    refused: [Counter; REASONS.len()],
}

/// Why records are not published, and the name of it; the last stands for all others.
const REASONS: [(ErrorKind, &str); 7] = [
    (ErrorKind::Publish, "refused"),
    (ErrorKind::TooLarge, "too_large"),
    (ErrorKind::UnknownTopic, "unknown_topic"),
    (ErrorKind::Unauthorized, "unauthorized"),
    (ErrorKind::Unreachable, "unreachable"),
    (ErrorKind::TimedOut, "timed_out"),
    (ErrorKind::Driver, "other"),
];

impl Topics {
    fn of(&self, topic: &Arc<str>, cluster: &Labels) -> &Arc<Produced> {
        let (mut place, mut left) = (self, TOPICS);
        loop {
            left -= 1;
            let name = || if left == 0 { "(other)".into() } else { topic.clone() };
            let new =
                || Node { topic: Arc::new(Produced::new(name(), cluster)), next: Self::default() };
            let node = place.0.get_or_init(|| Box::new(new()));
            if left == 0 || node.topic.is(topic) {
                return &node.topic;
            }
            place = &node.next;
        }
    }

    fn tell(&self) {
        let mut place = self;
        while let Some(node) = place.0.get() {
            node.topic.tell();
            place = &node.next;
        }
    }
}

impl Produced {
    fn new(topic: Arc<str>, cluster: &Labels) -> Self {
        let labels = cluster.and("topic", topic.clone());
        Self { topic, labels, confirmed: Counter::default(), refused: Default::default() }
    }

    fn is(&self, topic: &Arc<str>) -> bool {
        Arc::ptr_eq(&self.topic, topic) || self.topic == *topic
    }

    fn tell(&self) {
        table::PRODUCED.tell(&self.confirmed, &self.labels);
        for (&(_, reason), counter) in REASONS.iter().zip(&self.refused) {
            if counter.get() > 0 {
                table::PRODUCE_ERRORS.tell(counter, &self.labels.and("reason", reason));
            }
        }
    }
}

impl Witness for Produced {
    fn saw(&self, result: Result<&Delivered, &Error>) {
        match result {
            Ok(_) => self.confirmed.add(1),
            Err(error) => {
                let known = REASONS.iter().position(|(kind, _)| *kind == error.kind());
                self.refused[known.unwrap_or(REASONS.len() - 1)].add(1);
            }
        }
    }
}
