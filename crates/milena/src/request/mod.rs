//! Questions that are answered in a topic.
//!
//! A service reads one partition of a reply topic, without a group, from where it ended when the first question was
//! asked. A question says which topic and partition that is, and has a correlation id; the answer has
//! the same, and is that of the request that waits under it.

mod pending;
mod reader;

use self::{pending::Pending, reader::Reader};
use crate::publishing::outside;
use milena_core::{
    error::{Error, ErrorKind},
    record::{Record, names},
    reply::{ProducerRecord, Publisher, Question, Requests},
    transport::{BoxFuture, Producer, Transport},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::OnceCell, time::timeout};

/// Who asks for a service, on one cluster.
pub(crate) struct Asker {
    cluster: Arc<str>,
    transport: Arc<dyn Transport>,
    producer: Arc<dyn Producer>,
    /// The reply topic of questions that name none.
    replies: Option<Arc<str>>,
    readers: Mutex<HashMap<Arc<str>, Place>>,
}

/// Where the reader of a topic is, once it has begun.
type Place = Arc<OnceCell<Reader>>;

impl Asker {
    pub(crate) fn new(
        cluster: Arc<str>,
        (transport, producer): (Arc<dyn Transport>, Arc<dyn Producer>),
        replies: Option<Arc<str>>,
    ) -> Self {
        Self { cluster, transport, producer, replies, readers: Mutex::default() }
    }

    pub(crate) fn producer(&self) -> &Arc<dyn Producer> {
        &self.producer
    }

    /// Begins to read the reply topic of the service, if it has one.
    pub(crate) async fn start(&self) -> Result<(), Error> {
        match &self.replies {
            Some(topic) => self.begun(topic).await.map(drop),
            None => Ok(()),
        }
    }

    /// Reads no more answers, and fails what waits for one.
    pub(crate) async fn close(&self) {
        let places: Vec<_> = self.lock().drain().map(|(_, place)| place).collect();
        for reader in places.iter().filter_map(|place| place.get()) {
            reader.close().await;
        }
    }

    async fn ask(&self, question: Question) -> Result<Record, Error> {
        let Question { record, producer, timeout: within } = question;
        let (topic, id) = (record.topic.clone(), told(&record, names::CORRELATION_ID));
        match timeout(within, self.answered(record, producer)).await {
            Ok(answer) => answer,
            Err(_) => {
                let message = format!(
                    "could not get an answer from topic `{topic}` to correlation id `{}`: none came within {within:?}",
                    id.unwrap_or_default()
                );
                Err(Error::new(ErrorKind::TimedOut, message))
            }
        }
    }

    async fn answered(
        &self,
        mut record: ProducerRecord,
        producer: Arc<dyn Producer>,
    ) -> Result<Record, Error> {
        let named = told(&record, names::REPLY_TO);
        let Some(topic) = named.clone().map(Arc::from).or_else(|| self.replies.clone()) else {
            let message =
                format!("could not ask topic `{}`: no reply topic is named", record.topic);
            return Err(Error::new(ErrorKind::Config, message));
        };
        let place = self.begun(&topic).await?;
        let Some(reader) = place.get() else { return Err(pending::closed(&topic)) };
        let id = record.headers.get(names::CORRELATION_ID).unwrap_or_default();
        let mut waiting = reader.wait(id)?;
        if named.is_none() {
            record.headers.push(names::REPLY_TO, &*topic);
        }
        record.headers.push(names::REPLY_PARTITION, reader.partition().to_string());
        // A question in a call is asked now, also where what the call publishes waits for its end.
        let sent = outside(Publisher::new(producer).enqueue(record)).await;
        tokio::select! {
            biased;
            answer = waiting.answer() => return answer,
            // What was refused has no answer; what was not may be answered before that is known.
            refused = async { sent.await.err() } => if let Some(error) = refused {
                return Err(error);
            },
        }
        waiting.answer().await
    }

    /// The reader of this topic, which has begun; one that cannot go on is replaced.
    async fn begun(&self, topic: &Arc<str>) -> Result<Place, Error> {
        let place = {
            let mut readers = self.lock();
            readers
                .retain(|_, place| place.get().is_none_or(|reader: &Reader| !reader.has_ended()));
            readers.entry(topic.clone()).or_default().clone()
        };
        let start = || {
            let pending = Pending::new(&self.cluster, topic);
            Reader::start(&*self.transport, &*self.producer, pending)
        };
        place.get_or_try_init(start).await?;
        Ok(place)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Place>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Requests for Asker {
    fn request(&self, question: Question) -> BoxFuture<'_, Result<Record, Error>> {
        Box::pin(self.ask(question))
    }
}

/// The text of a header.
fn told(record: &ProducerRecord, name: &str) -> Option<String> {
    Some(String::from_utf8_lossy(record.headers.get(name)?).into_owned())
}
