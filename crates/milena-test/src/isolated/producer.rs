use super::Shared;
use milena_core::{
    error::Error,
    reply::ProducerRecord,
    transport::{BoxFuture, Delivered, Full, Producer, Receipt, Receive},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::Notify,
    time::{Instant, timeout},
};

/// How many records may wait for their topics to be created.
const ROOM: usize = 1000;

/// A producer that speaks of plain names only, and creates the topics that it writes to.
pub(super) struct IsolatedProducer {
    producer: Arc<dyn Producer>,
    shared: Arc<Shared>,
    runtime: Handle,
    /// Records of topics that are being created, whose names are plain.
    waiting: Mutex<HashMap<Arc<str>, VecDeque<Waiting>>>,
    /// Fewer records wait.
    fewer: Notify,
    this: Weak<Self>,
}

type Waiting = (ProducerRecord, Receipt);

impl IsolatedProducer {
    pub(super) fn begin(
        producer: Arc<dyn Producer>,
        shared: Arc<Shared>,
        runtime: Handle,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            producer,
            shared,
            runtime,
            waiting: Mutex::default(),
            fewer: Notify::new(),
            this: this.clone(),
        })
    }

    /// Hands a record on, under its full name.
    fn hand_on(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        let plain = record.topic.clone();
        let topic = self.shared.names.full(&plain);
        let teller =
            Arc::new(Teller { shared: self.shared.clone(), receipt: Some(receipt).into() });
        let told = Receipt::new(teller.clone(), 0);
        self.producer.enqueue(ProducerRecord { topic, ..record }, told).map_err(|mut full| {
            full.record.topic = plain;
            if let Some(receipt) = teller.take() {
                std::mem::replace(&mut full.receipt, receipt).cancel();
            }
            full
        })
    }

    /// Whether a record of this topic need not wait for it.
    fn is_there(&self, topic: &str) -> bool {
        let waited_for = self.lock().contains_key(topic);
        !waited_for && (!self.shared.creates || self.shared.topics.knows(topic))
    }

    /// Lets the record wait for its topic, which is then created.
    fn keep(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        let mut waiting = self.lock();
        if waiting.values().map(VecDeque::len).sum::<usize>() >= ROOM {
            return Err(Box::new(Full { record, receipt }));
        }
        let topic = record.topic.clone();
        let begun = waiting.contains_key(&topic);
        waiting.entry(topic.clone()).or_default().push_back((record, receipt));
        drop(waiting);
        if let (false, Some(this)) = (begun, self.this.upgrade()) {
            self.runtime.spawn(async move { this.create(topic).await });
        }
        Ok(())
    }

    /// Creates the topic, and hands on what has waited for it.
    async fn create(&self, topic: Arc<str>) {
        let created = self.shared.need(vec![topic.clone()]).await;
        while let Some((record, receipt)) = self.next(&topic) {
            match &created {
                Ok(()) => self.hand_on_with_room(record, receipt).await,
                Err(error) => receipt.deliver(Err(Error::new(error.kind(), error.to_string()))),
            }
            self.fewer.notify_waiters();
        }
    }

    /// The next record that waits for the topic. When there is none, none waits for it any more.
    fn next(&self, topic: &str) -> Option<Waiting> {
        let mut waiting = self.lock();
        let next = waiting.get_mut(topic)?.pop_front();
        if next.is_none() {
            waiting.remove(topic);
            self.fewer.notify_waiters();
        }
        next
    }

    async fn hand_on_with_room(&self, record: ProducerRecord, receipt: Receipt) {
        let mut refused = self.hand_on(record, receipt).err();
        while let Some(full) = refused {
            self.producer.room().await;
            refused = self.hand_on(full.record, full.receipt).err();
        }
    }

    /// How many topics records wait for, and how many records that are.
    fn waiting(&self) -> (usize, usize) {
        let waiting = self.lock();
        (waiting.len(), waiting.values().map(VecDeque::len).sum())
    }

    /// Waits until no record waits for its topic.
    pub(super) async fn until_handed_on(&self) {
        self.until(|topics, _| topics == 0).await;
    }

    /// Waits until this is true of the numbers of topics and records that are waited for.
    async fn until(&self, enough: impl Fn(usize, usize) -> bool) {
        loop {
            let mut fewer = Box::pin(self.fewer.notified());
            fewer.as_mut().enable();
            let (topics, records) = self.waiting();
            if enough(topics, records) {
                return;
            }
            fewer.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, VecDeque<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Producer for IsolatedProducer {
    fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        if self.is_there(&record.topic) {
            return self.hand_on(record, receipt);
        }
        self.keep(record, receipt)
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.until(|_, records| records < ROOM).await;
            self.producer.room().await;
        })
    }

    fn flush(&self, within: Duration) -> BoxFuture<'_, usize> {
        Box::pin(async move {
            let begun = Instant::now();
            let _ = timeout(within, self.until_handed_on()).await;
            let left = self.producer.flush(within.saturating_sub(begun.elapsed())).await;
            left + self.waiting().1
        })
    }

    fn partitions(&self, topic: Arc<str>) -> BoxFuture<'_, Result<i32, Error>> {
        let full = self.shared.names.full(&topic);
        Box::pin(async move {
            self.shared.need(vec![topic]).await?;
            let partitions = self.producer.partitions(full).await;
            partitions.map_err(|error| self.shared.names.plain_error(error))
        })
    }

    fn reach(&self, within: Duration) -> BoxFuture<'_, Result<(), Error>> {
        self.producer.reach(within)
    }

    fn failed(&self) -> BoxFuture<'_, Error> {
        self.producer.failed()
    }
}

/// Tells what the broker answered, in plain names.
struct Teller {
    shared: Arc<Shared>,
    receipt: Mutex<Option<Receipt>>,
}

impl Teller {
    fn take(&self) -> Option<Receipt> {
        self.receipt.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Receive for Teller {
    fn receive(&self, _token: u64, result: Result<Delivered, Error>) {
        if let Some(receipt) = self.take() {
            receipt.deliver(result.map_err(|error| self.shared.names.plain_error(error)));
        }
    }
}
