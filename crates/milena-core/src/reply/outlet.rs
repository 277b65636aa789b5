use crate::{
    reply::{ProducerRecord, Requests, SendAllError, Sent, Waiter},
    transport::{Delivered, Producer, Receipt},
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What the publishers of a running service hand their records to: a producer, who asks questions for
/// them, and an account of the records that are not answered yet.
pub struct Outlet {
    producer: Arc<dyn Producer>,
    requests: Option<Arc<dyn Requests>>,
    unanswered: Arc<Unanswered>,
}

impl Outlet {
    /// One that hands records to this producer, and asks no questions.
    pub fn new(producer: Arc<dyn Producer>) -> Self {
        Self { producer, requests: None, unanswered: Arc::default() }
    }

    /// The same, with questions asked by `requests`.
    #[must_use]
    pub fn with_requests(self, requests: Arc<dyn Requests>) -> Self {
        Self { requests: Some(requests), ..self }
    }

    /// The same account, with another producer: one with layers around it.
    #[must_use]
    pub fn through(&self, producer: Arc<dyn Producer>) -> Self {
        let (requests, unanswered) = (self.requests.clone(), self.unanswered.clone());
        Self { producer, requests, unanswered }
    }

    /// The producer.
    pub fn producer(&self) -> &Arc<dyn Producer> {
        &self.producer
    }

    /// The records that publishers handed over and that the broker has not answered for: how many there
    /// are, by topic.
    pub fn unanswered(&self) -> Vec<(Arc<str>, usize)> {
        self.unanswered.lock().iter().map(|(topic, records)| (topic.clone(), *records)).collect()
    }

    pub(super) fn requests(&self) -> Option<&Arc<dyn Requests>> {
        self.requests.as_ref()
    }

    pub(super) async fn enqueue(&self, mut record: ProducerRecord) -> Sent {
        loop {
            let topic = record.topic.clone();
            let (sent, receipt) = Sent::new(Entry::new(&self.unanswered, topic));
            let Err(full) = self.producer.enqueue(record, receipt) else { return sent };
            // Who gives up while there is no room knows that it is not published.
            full.receipt.cancel();
            record = full.record;
            drop(sent);
            self.producer.room().await;
        }
    }

    pub(super) async fn send_all(
        &self,
        records: Vec<ProducerRecord>,
    ) -> Result<Vec<Delivered>, SendAllError> {
        let entry = |record: &ProducerRecord| Entry::new(&self.unanswered, record.topic.clone());
        let waiter = Arc::new(Waiter::new(records.iter().map(|it| Some(entry(it)))));
        for (token, record) in records.into_iter().enumerate() {
            self.producer.hand_over(record, Receipt::new(waiter.clone(), token as u64)).await;
        }
        std::future::poll_fn(|cx| waiter.poll(cx)).await
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("unanswered", &self.unanswered()).finish_non_exhaustive()
    }
}

/// How many records of each topic are not answered.
#[derive(Default)]
pub(super) struct Unanswered(Mutex<BTreeMap<Arc<str>, usize>>);

impl Unanswered {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record that is not answered; it is no more when this is dropped.
pub(crate) struct Entry {
    unanswered: Arc<Unanswered>,
    topic: Arc<str>,
}

impl Entry {
    fn new(unanswered: &Arc<Unanswered>, topic: Arc<str>) -> Self {
        *unanswered.lock().entry(topic.clone()).or_default() += 1;
        Self { unanswered: unanswered.clone(), topic }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut topics = self.unanswered.lock();
        if let Some(records) = topics.get_mut(&self.topic) {
            *records -= 1;
            if *records == 0 {
                topics.remove(&self.topic);
            }
        }
    }
}
