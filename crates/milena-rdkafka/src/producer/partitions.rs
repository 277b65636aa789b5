use crate::{
    error::{error_or, kind},
    native::Client,
    offload::offload,
};
use milena_core::error::{Error, ErrorKind};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// How long a number of partitions is believed.
const FRESH: Duration = Duration::from_secs(30);
/// How long a broker may take to say it.
const ANSWER: Duration = Duration::from_secs(10);

/// How many partitions topics have. For each topic there is one question at a time.
#[derive(Default)]
pub(super) struct Partitions(Mutex<HashMap<Arc<str>, Known>>);

#[derive(Default)]
struct Known {
    count: Option<i32>,
    since: Option<Instant>,
    asking: bool,
    waiting: Vec<Waker>,
}

impl Partitions {
    pub(super) async fn of(&self, client: &Arc<Client>, topic: Arc<str>) -> Result<i32, Error> {
        let now = Instant::now();
        if let Some(count) = poll_fn(|cx| self.begin(&topic, now, cx)).await {
            return Ok(count);
        }
        let asking = Asking { partitions: self, topic };
        let (client, name) = (client.clone(), asking.topic.clone());
        let answer = offload("kafka-metadata", move || ask(&client, &name)).await;
        self.learn(&asking.topic, answer.unwrap_or(Err(Code::Fail)))
    }

    /// The number if it is fresh, and `None` to who is to ask. Whoever comes meanwhile waits.
    fn begin(&self, topic: &Arc<str>, now: Instant, cx: &Context<'_>) -> Poll<Option<i32>> {
        let mut topics = self.lock();
        let known = topics.entry(topic.clone()).or_default();
        let is_fresh =
            known.since.is_some_and(|since| now.saturating_duration_since(since) < FRESH);
        if is_fresh && known.count.is_some() {
            return Poll::Ready(known.count);
        }
        if known.asking {
            known.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        known.asking = true;
        Poll::Ready(None)
    }

    fn learn(&self, topic: &Arc<str>, answer: Result<i32, Code>) -> Result<i32, Error> {
        let mut topics = self.lock();
        let known = topics.entry(topic.clone()).or_default();
        let code = match answer {
            Ok(count) => {
                (known.count, known.since) = (Some(count), Some(Instant::now()));
                return Ok(count);
            }
            Err(code) => code,
        };
        let what = format!("look up the partitions of topic `{topic}`");
        match (kind(code), known.count) {
            (Some(ErrorKind::UnknownTopic), _) => {
                known.count = None;
                Err(Error::new(
                    ErrorKind::UnknownTopic,
                    format!("could not {what}: the broker has no such topic"),
                ))
            }
            // A number only grows, so the old one is better than none.
            (Some(ErrorKind::Unreachable), Some(count)) => Ok(count),
            _ => Err(error_or(ErrorKind::Driver, &what, code)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that is open; when it ends, also because nobody wants it any more, another may ask.
struct Asking<'a> {
    partitions: &'a Partitions,
    topic: Arc<str>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut topics = self.partitions.lock();
        let Some(known) = topics.get_mut(&self.topic) else { return };
        known.asking = false;
        let waiting = std::mem::take(&mut known.waiting);
        if known.count.is_none() {
            topics.remove(&self.topic);
        }
        drop(topics);
        waiting.into_iter().for_each(Waker::wake);
    }
}

fn ask(client: &Client, name: &str) -> Result<i32, Code> {
    let metadata = client.metadata(Some(name), ANSWER)?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == name);
    let topic = topic.ok_or(Code::UnknownTopicOrPartition)?;
    match topic.error() {
        Some(error) => Err(error.into()),
        None => Ok(i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(partitions: &Partitions, now: Instant) -> Poll<Option<i32>> {
        partitions.begin(&"t".into(), now, &Context::from_waker(Waker::noop()))
    }

    fn end(partitions: &Partitions, answer: Result<i32, Code>) -> Result<i32, ErrorKind> {
        let asking = Asking { partitions, topic: "t".into() };
        partitions.learn(&asking.topic, answer).map_err(|error| error.kind())
    }

    #[test]
    fn one_asks_and_the_others_wait_for_what_it_learns() {
        let (partitions, now) = (Partitions::default(), Instant::now());

        assert_eq!(begin(&partitions, now), Poll::Ready(None));
        assert_eq!(begin(&partitions, now), Poll::Pending);
        assert_eq!(end(&partitions, Ok(3)), Ok(3));
        assert_eq!(begin(&partitions, now), Poll::Ready(Some(3)));
        assert_eq!(begin(&partitions, now + FRESH * 2), Poll::Ready(None));
    }

    #[test]
    fn who_gives_up_leaves_the_question_to_another() {
        let (partitions, now) = (Partitions::default(), Instant::now());
        assert_eq!(begin(&partitions, now), Poll::Ready(None));

        drop(Asking { partitions: &partitions, topic: "t".into() });

        assert_eq!(begin(&partitions, now), Poll::Ready(None));
    }

    #[test]
    fn an_old_number_serves_while_no_broker_answers_and_not_when_the_topic_is_gone() {
        let (partitions, later) = (Partitions::default(), Instant::now() + FRESH * 2);
        assert_eq!(end(&partitions, Err(Code::OperationTimedOut)), Err(ErrorKind::Unreachable));
        assert_eq!(end(&partitions, Ok(3)), Ok(3));

        assert_eq!(begin(&partitions, later), Poll::Ready(None));
        assert_eq!(end(&partitions, Err(Code::OperationTimedOut)), Ok(3));
        assert_eq!(
            end(&partitions, Err(Code::UnknownTopicOrPartition)),
            Err(ErrorKind::UnknownTopic)
        );
        assert_eq!(end(&partitions, Err(Code::OperationTimedOut)), Err(ErrorKind::Unreachable));
    }
}
