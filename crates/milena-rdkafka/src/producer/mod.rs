//! A producer: librdkafka's queue of records, and a thread that gives receipts back.

mod answer;
mod partitions;
mod refusal;
mod room;
mod scope;

pub(crate) use self::scope::Scope;

use self::{partitions::Partitions, refusal::Refusal, room::Room};
use crate::{
    error::error_or,
    native::{Client, Event, Topic},
    offload::offload,
    options::Options,
    security::Identity,
};
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::{BoxFuture, Full, Producer, Receipt},
};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// How long the thread waits when there is nothing to do; whatever happens wakes it.
const IDLE: Duration = Duration::from_secs(1);
/// How long records that were handed over go on being sent when the producer has been dropped.
const LINGER: Duration = Duration::from_secs(1);
/// How long librdkafka may take to give back what it was told to give up.
const GIVE_UP: Duration = Duration::from_secs(10);

/// Makes a producer.
pub(crate) fn produce(options: &Options, brokers: &str) -> Result<Arc<dyn Producer>, Error> {
    let config = options.producer(brokers)?;
    let client = Arc::new(Client::producer(&config)?);
    let identity = Identity::new(&options.security, &config);
    Ok(Arc::new(KafkaProducer(begin(client, identity, None)?)))
}

/// Makes a producer of which everything is part of a transaction.
pub(crate) fn produce_in(
    scope: &Arc<Scope>,
    client: &Arc<Client>,
    identity: Identity,
) -> Result<Arc<KafkaProducer>, Error> {
    let shared = begin(client.clone(), identity, Some(scope.clone()))?;
    Ok(Arc::new(KafkaProducer(shared)))
}

fn begin(
    client: Arc<Client>,
    mut identity: Identity,
    scope: Option<Arc<Scope>>,
) -> Result<Arc<Shared>, Error> {
    identity.enroll(&client)?;
    let shared = Arc::new(Shared {
        topics: RwLock::default(),
        client,
        identity,
        scope,
        refusal: Refusal::default(),
        room: Room::default(),
        partitions: Partitions::default(),
        unanswered: AtomicUsize::new(0),
        dropped: AtomicBool::new(false),
    });
    let thread = thread::Builder::new().name("kafka-producer".into());
    let worker = shared.clone();
    thread.spawn(move || worker.run()).map_err(|error| {
        Error::new(ErrorKind::Driver, format!("could not begin to publish: {error}"))
            .with_source(error)
    })?;
    Ok(shared)
}

pub(crate) struct KafkaProducer(Arc<Shared>);

impl KafkaProducer {
    /// Why the broker does not let it in, where that is no end.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.0.refusal.trouble()
    }
}

struct Shared {
    /// Finding a topic anew for each record would cost more than all the rest of it.
    topics: RwLock<HashMap<Arc<str>, Arc<Topic>>>,
    client: Arc<Client>,
    identity: Identity,
    /// The transaction that everything is part of, if it is.
    scope: Option<Arc<Scope>>,
    refusal: Refusal,
    room: Room,
    partitions: Partitions,
    /// Records whose receipts librdkafka has.
    unanswered: AtomicUsize,
    dropped: AtomicBool,
}

impl Producer for KafkaProducer {
    fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        self.enqueue_copy(&record, receipt).map_err(|receipt| Box::new(Full { record, receipt }))
    }

    /// librdkafka copies it.
    fn enqueue_copy(&self, record: &ProducerRecord, receipt: Receipt) -> Result<(), Receipt> {
        let Some(topic) = self.0.topic(&record.topic) else {
            self.0.refuse(receipt, answer::no_name(&record.topic));
            return Ok(());
        };
        let mut refused = self.0.send(&topic, record, Box::new(receipt));
        if let Err((Code::QueueFull, receipt)) = refused {
            self.0.room.is_full();
            refused = self.0.send(&topic, record, receipt);
        }
        match refused {
            Ok(()) => {}
            Err((Code::QueueFull, receipt)) => return Err(*receipt),
            Err((code, receipt)) => {
                let error = answer::refused(&self.0, record, code);
                self.0.refuse(*receipt, error);
            }
        }
        Ok(())
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        Box::pin(poll_fn(|cx| self.0.room.poll(cx)))
    }

    fn flush(&self, within: Duration) -> BoxFuture<'_, usize> {
        let shared = self.0.clone();
        Box::pin(async move {
            let client = shared.client.clone();
            if shared.unanswered.load(SeqCst) > 0 {
                offload("kafka-flush", move || client.flush(within)).await;
            }
            shared.unanswered.load(SeqCst)
        })
    }

    fn partitions(&self, topic: Arc<str>) -> BoxFuture<'_, Result<i32, Error>> {
        Box::pin(self.0.partitions.of(&self.0.client, topic))
    }

    fn reach(&self, within: Duration) -> BoxFuture<'_, Result<(), Error>> {
        let client = self.0.client.clone();
        Box::pin(async move {
            let answer = offload("kafka-reach", move || client.reach(within)).await;
            match answer.unwrap_or(Err(Code::Fail)) {
                Ok(()) => Ok(()),
                Err(code) => Err(error_or(ErrorKind::Unreachable, "reach a broker", code)),
            }
        })
    }

    fn failed(&self) -> BoxFuture<'_, Error> {
        Box::pin(self.0.refusal.told())
    }
}

impl Drop for KafkaProducer {
    fn drop(&mut self) {
        self.0.dropped.store(true, SeqCst);
        self.0.client.wake_poller();
    }
}

impl Shared {
    fn topic(&self, name: &Arc<str>) -> Option<Arc<Topic>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = topics.get(name) {
            return Some(topic.clone());
        }
        drop(topics);
        let topic = Arc::new(Topic::new(self.client.clone(), name)?);
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        Some(topics.entry(name.clone()).or_insert(topic).clone())
    }

    fn send(
        &self,
        topic: &Topic,
        record: &ProducerRecord,
        receipt: Box<Receipt>,
    ) -> Result<(), (Code, Box<Receipt>)> {
        self.unanswered.fetch_add(1, SeqCst);
        topic.send(record, receipt).inspect_err(|_| {
            self.unanswered.fetch_sub(1, SeqCst);
        })
    }

    /// What librdkafka did not take, it does not count among what failed.
    fn refuse(&self, receipt: Receipt, error: Error) {
        if let Some(scope) = &self.scope {
            scope.fail();
        }
        receipt.deliver(Err(error));
    }

    /// Gives receipts back until the producer has been dropped and there are no more.
    fn run(&self) {
        while !self.dropped.load(SeqCst) {
            self.serve(IDLE);
        }
        // A transaction that nobody can commit any more has no use for more records.
        if self.scope.is_none() {
            self.serve_until(Instant::now() + LINGER, || self.client.flush(Duration::ZERO));
        }
        self.client.purge();
        self.serve_until(Instant::now() + GIVE_UP, || {});
        let lost = self.unanswered.load(SeqCst);
        if lost > 0 {
            tracing::error!(lost, "records were not given back; their receipts never will be");
        }
    }

    fn serve_until(&self, deadline: Instant, before: impl Fn()) {
        while self.unanswered.load(SeqCst) > 0 && Instant::now() < deadline {
            before();
            self.serve(Duration::from_millis(10));
        }
    }

    fn serve(&self, wait: Duration) {
        let Some(event) = self.client.poll(wait) else { return };
        if self.answer(&event) > 0 {
            // librdkafka has room when it has the event back, and not before.
            drop(event);
            self.room.made();
        } else if let Some(error) = answer::hear(self, &event) {
            self.refusal.tell(error);
        }
    }

    fn answer(&self, event: &Event) -> usize {
        let mut answered = 0;
        event.answers(|receipt, message, error| {
            receipt.deliver(answer::outcome(self, message, error));
            answered += 1;
        });
        self.unanswered.fetch_sub(answered, SeqCst);
        answered
    }
}
