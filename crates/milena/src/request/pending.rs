use metrics::counter;
use milena_core::{
    error::{Error, ErrorKind},
    record::Record,
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// How many requests may wait for answers in one topic.
const MOST_WAITING: usize = 100_000;
/// How many requests that are not waited for any more are known, so that their answers are told from
/// those that nobody here asked for.
const MOST_GONE: usize = 10_000;

/// The requests that wait for answers in a topic.
pub(super) struct Pending {
    cluster: Arc<str>,
    topic: Arc<str>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: HashMap<Id, oneshot::Sender<Record>>,
    gone: Gone,
    closed: bool,
}

type Id = Arc<[u8]>;

impl Pending {
    pub(super) fn new(cluster: &Arc<str>, topic: &Arc<str>) -> Arc<Self> {
        let (cluster, topic) = (cluster.clone(), topic.clone());
        Arc::new(Self { cluster, topic, state: Mutex::default() })
    }

    pub(super) fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Waits for the answer to the request of this correlation id.
    pub(super) fn wait(self: &Arc<Self>, id: &[u8]) -> Result<Waiting, Error> {
        let (sender, answer) = oneshot::channel();
        let id = Id::from(id);
        let mut state = self.lock();
        if state.closed {
            return Err(closed(&self.topic));
        }
        let refuse = |why: String| {
            let message = format!("could not wait for an answer in topic `{}`: {why}", self.topic);
            Err(Error::new(ErrorKind::Publish, message))
        };
        if state.waiting.len() >= MOST_WAITING {
            return refuse(format!("{MOST_WAITING} requests wait already"));
        }
        if state.waiting.contains_key(&id) {
            let id = String::from_utf8_lossy(&id);
            return refuse(format!("a request of correlation id `{id}` waits already"));
        }
        state.waiting.insert(id.clone(), sender);
        Ok(Waiting { pending: self.clone(), id, answer })
    }

    /// An answer has come: it goes to the request that waits for it, or is dropped and counted.
    pub(super) fn answered(&self, id: Option<&[u8]>, answer: Record) {
        let mut state = self.lock();
        let asked = id.and_then(|id| state.waiting.remove(id));
        let is_late = id.is_some_and(|id| state.gone.contains(id));
        drop(state);
        let labels = || [("cluster", self.cluster.clone()), ("topic", self.topic.clone())];
        match asked {
            // Who has given up in this very moment does not need it.
            Some(asked) => drop(asked.send(answer)),
            None if is_late => counter!("milena_answers_late_total", &labels()).increment(1),
            None => counter!("milena_answers_unknown_total", &labels()).increment(1),
        }
    }

    /// No answer comes any more: what waits has failed.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits; dropping it says that its answer is not waited for any more.
pub(super) struct Waiting {
    pending: Arc<Pending>,
    id: Id,
    answer: oneshot::Receiver<Record>,
}

impl Waiting {
    /// The answer, when it is there.
    pub(super) async fn answer(&mut self) -> Result<Record, Error> {
        (&mut self.answer).await.map_err(|_| closed(&self.pending.topic))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.pending.lock();
        if state.waiting.remove(&self.id).is_some() {
            state.gone.add(self.id.clone());
        }
    }
}

/// The last requests that are not waited for any more.
#[derive(Default)]
struct Gone {
    ids: HashSet<Id>,
    oldest_first: VecDeque<Id>,
}

impl Gone {
    fn add(&mut self, id: Id) {
        if !self.ids.insert(id.clone()) {
            return;
        }
        self.oldest_first.push_back(id);
        if self.oldest_first.len() > MOST_GONE
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    fn contains(&self, id: &[u8]) -> bool {
        self.ids.contains(id)
    }
}

/// The error of who waits for answers that nobody reads.
pub(super) fn closed(topic: &str) -> Error {
    let message =
        format!("could not wait for an answer in topic `{topic}`: it is not read any more");
    Error::new(ErrorKind::NotRunning, message)
}
