use super::{mailbox::Mailbox, trouble::Verdict};
use crate::{
    error::{error, kind},
    native::Client,
};
use milena_core::error::{Error, ErrorKind};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How long a broker may say that a new consumer's topic does not exist.
const PATIENCE: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(30);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Asks the broker whether the topics exist, which librdkafka does not always say.
pub(super) struct Topics {
    topics: Vec<Topic>,
    next: Instant,
    asking: bool,
    answers: Arc<Mutex<Option<Answers>>>,
}

struct Topic {
    name: Arc<str>,
    /// Whether it has existed.
    known: bool,
    missing_since: Option<Instant>,
}

type Answers = Vec<(Arc<str>, Result<(), Code>)>;

impl Topics {
    /// These topics, but for patterns.
    pub(super) fn new(topics: &[Arc<str>]) -> Self {
        let plain = topics.iter().filter(|name| !name.starts_with('^'));
        let topic =
            |name: &Arc<str>| Topic { name: name.clone(), known: false, missing_since: None };
        Self {
            topics: plain.map(topic).collect(),
            next: Instant::now(),
            asking: false,
            answers: Arc::default(),
        }
    }

    pub(super) fn look_soon(&mut self) {
        self.next = Instant::now();
    }

    /// Asks if it is time to, on a thread of its own, and says what follows from the last answer.
    pub(super) fn look(
        &mut self,
        now: Instant,
        client: &Arc<Client>,
        mailbox: &Arc<Mailbox>,
    ) -> Vec<Verdict> {
        if self.asking {
            let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner).take();
            return answers.map_or_else(Vec::new, |answers| self.learn(answers, now));
        }
        if now >= self.next && !self.topics.is_empty() {
            self.ask(client.clone(), mailbox.clone());
            self.next = now + SOON;
        }
        Vec::new()
    }

    fn ask(&mut self, client: Arc<Client>, mailbox: Arc<Mailbox>) {
        let names: Vec<_> = self.topics.iter().map(|topic| topic.name.clone()).collect();
        let to = self.answers.clone();
        let ask = move || {
            let answers =
                names.into_iter().map(|name| (name.clone(), exists(&client, &name))).collect();
            // The client may end with this thread, which must not keep it then.
            drop(client);
            *to.lock().unwrap_or_else(PoisonError::into_inner) = Some(answers);
            mailbox.bell.ring();
        };
        match thread::Builder::new().name("kafka-topics".into()).spawn(ask) {
            Ok(_) => self.asking = true,
            Err(error) => tracing::warn!(%error, "could not ask which topics there are"),
        }
    }

    fn learn(&mut self, answers: Answers, now: Instant) -> Vec<Verdict> {
        self.asking = false;
        let verdicts = self
            .topics
            .iter_mut()
            .zip(answers)
            .filter_map(|(topic, (_, answer))| topic.learn(answer, now));
        let verdicts = verdicts.collect();
        let settled = self.topics.iter().all(|topic| topic.known && topic.missing_since.is_none());
        self.next = now + if settled { LATER } else { SOON };
        verdicts
    }
}

impl Topic {
    fn learn(&mut self, answer: Result<(), Code>, now: Instant) -> Option<Verdict> {
        let what = || format!("subscribe to topic `{}`", self.name);
        match answer.map_err(|code| (code, kind(code))) {
            Ok(()) => {
                (self.known, self.missing_since) = (true, None);
                None
            }
            Err((_, Some(ErrorKind::UnknownTopic))) => {
                let message = format!("could not {}: the broker has no such topic", what());
                let missing = || Error::new(ErrorKind::UnknownTopic, message);
                let first = self.missing_since.is_none();
                let since = *self.missing_since.get_or_insert(now);
                if self.known {
                    return first.then(|| Verdict::Trouble(missing()));
                }
                (now - since >= PATIENCE).then(|| Verdict::Fail(missing()))
            }
            Err((code, Some(ErrorKind::Unauthorized))) => Some(Verdict::Fail(error(&what(), code))),
            // Whether a broker can be reached is told otherwise.
            Err(_) => None,
        }
    }
}

fn exists(client: &Client, name: &str) -> Result<(), Code> {
    let metadata = client.metadata(name, ANSWER_WITHIN)?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == name);
    match topic.and_then(|topic| topic.error()) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics() -> (Topics, Instant) {
        (Topics::new(&["t".into(), "^x.*".into()]), Instant::now())
    }

    fn learn(topics: &mut Topics, answer: Result<(), Code>, at: Instant) -> Vec<String> {
        let verdicts = topics.learn(vec![("t".into(), answer)], at);
        verdicts.into_iter().map(|verdict| format!("{verdict:?}")).collect()
    }

    const UNKNOWN: Result<(), Code> = Err(Code::UnknownTopicOrPartition);

    #[test]
    fn a_topic_that_does_not_exist_for_ten_seconds_is_a_failure() {
        let (mut topics, start) = topics();

        let early = learn(&mut topics, UNKNOWN, start);
        let later = learn(&mut topics, UNKNOWN, start + PATIENCE);

        assert!(early.is_empty());
        let message =
            "could not subscribe to topic `t`: the broker has no such topic (UnknownTopic)";
        assert_eq!(later, [format!("Fail({message})")]);
    }

    #[test]
    fn a_topic_that_comes_is_none() {
        let (mut topics, start) = topics();

        assert!(learn(&mut topics, UNKNOWN, start).is_empty());
        assert!(learn(&mut topics, Ok(()), start + PATIENCE / 2).is_empty());
        assert!(learn(&mut topics, Ok(()), start + PATIENCE).is_empty());
    }

    #[test]
    fn a_topic_that_goes_is_trouble_once() {
        let (mut topics, start) = topics();

        learn(&mut topics, Ok(()), start);
        let gone = learn(&mut topics, UNKNOWN, start + LATER);
        let still = learn(&mut topics, UNKNOWN, start + LATER * 2);

        assert!(gone[0].starts_with("Trouble"), "{gone:?}");
        assert!(still.is_empty());
    }

    #[test]
    fn a_broker_that_does_not_answer_says_nothing_of_topics() {
        let (mut topics, start) = topics();

        assert!(learn(&mut topics, Err(Code::BrokerTransportFailure), start).is_empty());
        assert!(learn(&mut topics, Err(Code::BrokerTransportFailure), start + PATIENCE).is_empty());
    }
}
