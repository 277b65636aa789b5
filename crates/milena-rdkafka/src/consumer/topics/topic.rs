use crate::{
    consumer::trouble::Verdict,
    error::{error, kind},
};
use milena_core::error::{Error, ErrorKind};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a broker may say that a new consumer's topic does not exist.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A topic that was named, and is to exist.
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    /// The one of its partitions that has the highest number of those that were named.
    highest: Option<i32>,
    /// Whether it has existed.
    known: bool,
    missing_since: Option<Instant>,
}

impl Topic {
    pub(super) fn new(name: Arc<str>, highest: Option<i32>) -> Self {
        Self { name, highest, known: false, missing_since: None }
    }

    /// It was named before.
    pub(super) fn take_over(&mut self, before: &Self) {
        if self.highest <= before.highest {
            (self.known, self.missing_since) = (before.known, before.missing_since);
        }
    }

    /// Whether there is nothing to find out soon.
    pub(super) fn is_settled(&self) -> bool {
        self.known && self.missing_since.is_none()
    }

    /// Whether it has been missed.
    pub(super) fn is_missing(&self) -> bool {
        self.missing_since.is_some()
    }

    /// The broker said how many partitions it has.
    pub(super) fn learn(&mut self, answer: Result<i32, Code>, now: Instant) -> Option<Verdict> {
        let answer = answer.map_err(|code| (code, kind(code)));
        match answer {
            Ok(count) if self.highest.is_none_or(|highest| highest < count) => {
                (self.known, self.missing_since) = (true, None);
                None
            }
            Ok(count) => {
                let highest = self.highest.unwrap_or_default();
                let message = format!(
                    "could not read `{}/{highest}`: the topic has {count} partitions",
                    self.name
                );
                self.missing(message, now)
            }
            Err((_, Some(ErrorKind::UnknownTopic))) => {
                let what = self.what();
                self.missing(format!("could not {what}: the broker has no such topic"), now)
            }
            Err((code, Some(ErrorKind::Unauthorized))) => {
                Some(Verdict::Fail(error(&self.what(), code)))
            }
            // Whether a broker can be reached is told otherwise.
            Err(_) => None,
        }
    }

    fn missing(&mut self, message: String, now: Instant) -> Option<Verdict> {
        let first = self.missing_since.is_none();
        let since = *self.missing_since.get_or_insert(now);
        let missing = || Error::new(ErrorKind::UnknownTopic, message);
        if self.known {
            return first.then(|| Verdict::Trouble(missing()));
        }
        (now - since >= PATIENCE).then(|| Verdict::Fail(missing()))
    }

    fn what(&self) -> String {
        match self.highest {
            None => format!("subscribe to topic `{}`", self.name),
            Some(highest) => format!("read `{}/{highest}`", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(topic: &mut Topic, answer: Result<i32, Code>, at: Instant) -> String {
        topic.learn(answer, at).map(|verdict| format!("{verdict:?}")).unwrap_or_default()
    }

    fn topic() -> (Topic, Instant) {
        (Topic::new("t".into(), None), Instant::now())
    }

    const UNKNOWN: Result<i32, Code> = Err(Code::UnknownTopicOrPartition);
    const AWAY: Result<i32, Code> = Err(Code::BrokerTransportFailure);

    #[test]
    fn a_topic_that_does_not_exist_for_ten_seconds_is_a_failure() {
        let (mut topic, start) = topic();

        let early = learn(&mut topic, UNKNOWN, start);
        let later = learn(&mut topic, UNKNOWN, start + PATIENCE);

        assert_eq!(early, "");
        let message =
            "could not subscribe to topic `t`: the broker has no such topic (UnknownTopic)";
        assert_eq!(later, format!("Fail({message})"));
    }

    #[test]
    fn a_partition_that_does_not_exist_for_ten_seconds_is_a_failure() {
        let start = Instant::now();
        let mut topic = Topic::new("t".into(), Some(3));

        let early = learn(&mut topic, Ok(3), start);
        let later = learn(&mut topic, Ok(3), start + PATIENCE);

        assert_eq!(early, "");
        let message = "could not read `t/3`: the topic has 3 partitions (UnknownTopic)";
        assert_eq!(later, format!("Fail({message})"));
    }

    #[test]
    fn a_topic_that_comes_is_none() {
        let (mut topic, start) = topic();

        assert_eq!(learn(&mut topic, UNKNOWN, start), "");
        assert_eq!(learn(&mut topic, Ok(1), start + PATIENCE / 2), "");
        assert_eq!(learn(&mut topic, Ok(1), start + PATIENCE), "");
    }

    #[test]
    fn a_topic_that_goes_is_trouble_once() {
        let (mut topic, start) = topic();

        learn(&mut topic, Ok(1), start);
        let gone = learn(&mut topic, UNKNOWN, start + PATIENCE);
        let still = learn(&mut topic, UNKNOWN, start + PATIENCE * 2);

        assert!(gone.starts_with("Trouble"), "{gone}");
        assert_eq!(still, "");
    }

    #[test]
    fn a_broker_that_does_not_answer_says_nothing_of_topics() {
        let (mut topic, start) = topic();

        assert_eq!(learn(&mut topic, AWAY, start), "");
        assert_eq!(learn(&mut topic, AWAY, start + PATIENCE), "");
    }
}
