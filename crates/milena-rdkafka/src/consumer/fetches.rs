use super::statistics::{Broker, Partition, Statistics};
use milena_core::{
    record::{Epoch, TopicPartition},
    transport::Fetch,
};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// How the fetching goes, from one statistics to the next.
///
/// librdkafka says nothing of a partition's requests, so they are taken from its broker:
///
/// - All partitions that are read from a broker count as asked for with each of its requests for
///   records. A parked partition that has no room left is not, and counts as if it were.
/// - When the last such request was sent is known as that of the last request of any kind, which hardly
///   differs: on the connection that records come by there is hardly another. The same holds for answers.
/// - While an answer is due, the broker counts as being asked. Answers come in the order of the requests,
///   so one that stays away holds up all others, and no request for records follows it.
pub(super) struct Fetches {
    reads_committed: bool,
    brokers: HashMap<i32, Seen>,
    partitions: HashMap<TopicPartition, Known>,
}

/// What was seen of a broker.
#[derive(Clone, Copy, Default)]
struct Seen {
    fetches: u64,
    answers: u64,
    times: Times,
}

/// What is known of a partition.
struct Known {
    epoch: Epoch,
    times: Times,
    end: Option<i64>,
}

#[derive(Clone, Copy, Default)]
struct Times {
    asked: Option<Instant>,
    answered: Option<Instant>,
}

impl Fetches {
    pub(super) fn new(reads_committed: bool) -> Self {
        Self { reads_committed, brokers: HashMap::new(), partitions: HashMap::new() }
    }

    /// What the statistics say of the partitions that are held since then.
    pub(super) fn learn<'a>(
        &mut self,
        json: &str,
        now: Instant,
        held: impl Iterator<Item = (&'a TopicPartition, Epoch, Instant)>,
    ) -> Result<Vec<Fetch>, serde_json::Error> {
        let statistics: Statistics<'_> = serde_json::from_str(json)?;
        for broker in statistics.brokers.values().filter(|broker| broker.is_one()) {
            self.brokers.entry(broker.id).or_default().learn(broker, now);
        }
        let mut before = std::mem::take(&mut self.partitions);
        let mut fetches = Vec::new();
        for (place, epoch, since) in held {
            let of = statistics.topics.get(&*place.topic);
            let partition = of.and_then(|topic| topic.partitions.get(&place.partition));
            let before = before.remove(place).filter(|known| known.epoch == epoch);
            let mut known = before.unwrap_or(Known { epoch, times: Times::default(), end: None });
            if let Some(partition) = partition.filter(|partition| partition.is_fetched()) {
                let of_broker = self.brokers.get(&partition.broker).copied().unwrap_or_default();
                known.times = known.times.later(of_broker.times, since);
            }
            known.end = partition.and_then(|partition| self.end(partition)).or(known.end);
            let ago = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
            fetches.push(Fetch {
                partition: place.clone(),
                epoch,
                asked: ago(known.times.asked),
                answered: ago(known.times.answered),
                end: known.end,
            });
            self.partitions.insert(place.clone(), known);
        }
        Ok(fetches)
    }

    fn end(&self, partition: &Partition<'_>) -> Option<i64> {
        let end = if self.reads_committed { partition.ls_offset } else { partition.hi_offset };
        (end >= 0).then_some(end)
    }
}

impl Seen {
    fn learn(&mut self, broker: &Broker<'_>, now: Instant) {
        let ago = |micros: i64| {
            let ago = u64::try_from(micros).map_or(Duration::ZERO, Duration::from_micros);
            now.checked_sub(ago).or(Some(now))
        };
        let fetches = broker.requests.fetches;
        if fetches > 0 && broker.waiting > 0 {
            self.times.asked = Some(now);
        } else if fetches > self.fetches {
            self.times.asked = ago(broker.sent_ago);
        }
        if fetches > 0 && broker.answers > self.answers {
            self.times.answered = ago(broker.answered_ago);
        }
        (self.fetches, self.answers) = (fetches, broker.answers);
    }
}

impl Times {
    /// The later of each, of what was not before that.
    fn later(self, other: Self, since: Instant) -> Self {
        let later = |one: Option<Instant>, other: Option<Instant>| {
            one.max(other.filter(|other| *other >= since))
        };
        Self {
            asked: later(self.asked, other.asked),
            answered: later(self.answered, other.answered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statistics as librdkafka 2.12 has them, shortened.
    fn statistics(broker: &str, partition: &str) -> String {
        format!(
            r#"{{ "name": "milena#consumer-1", "ts":5016483227792, "brokers":{{
                "127.0.0.1:9092/1": {{ "name":"127.0.0.1:9092/1", "nodeid":1, "source":"learned", "state":"UP",
                    "int_latency": {{ "min":0, "max":9 }}, {broker}, "toppars":{{ "t-0": {{ "topic":"t", "partition":0 }} }} }},
                "GroupCoordinator": {{ "nodeid":1, "source":"logical", "waitresp_cnt":1, "rx":900, "txidle":1, "rxidle":1,
                    "req": {{ "Fetch": 900 }} }} }},
                "topics":{{ "t": {{ "topic":"t", "age":1, "partitions":{{
                    "0": {{ "partition":0, "broker":1, "desired":true, {partition} }},
                    "-1": {{ "partition":-1, "broker":-1, "fetch_state":"none", "hi_offset":-1001, "ls_offset":-1001 }} }} }} }},
                "cgrp": {{ "state": "up" }}, "tx":9 }}"#
        )
    }

    const HEALTHY: &str = r#""waitresp_cnt":0, "rx":10, "txidle":200000, "rxidle":300000, "req": { "Fetch": 5, "Metadata": 2 }"#;
    const LATER: &str = r#""waitresp_cnt":1, "rx":10, "txidle":5200000, "rxidle":5300000, "req": { "Fetch": 5, "Metadata": 2 }"#;
    const ACTIVE: &str = r#""fetch_state":"active", "hi_offset":9, "ls_offset":7"#;
    const UNKNOWN: &str = r#""fetch_state":"offset-query", "hi_offset":-1001, "ls_offset":-1001"#;

    fn learn(fetches: &mut Fetches, json: &str, now: Instant, since: Instant) -> Fetch {
        let place = TopicPartition::new("t", 0);
        let held = [(&place, Epoch(3), since)];
        fetches.learn(json, now, held.into_iter()).unwrap().remove(0)
    }

    #[test]
    fn a_partition_is_asked_for_when_its_broker_is() {
        let now = Instant::now() + Duration::from_secs(60);

        let json = statistics(HEALTHY, ACTIVE);
        let fetch = learn(&mut Fetches::new(true), &json, now, now - Duration::from_secs(9));

        assert_eq!((&*fetch.partition.topic, fetch.partition.partition), ("t", 0));
        assert_eq!(fetch.epoch, Epoch(3));
        assert_eq!(fetch.asked, Some(Duration::from_millis(200)));
        assert_eq!(fetch.answered, Some(Duration::from_millis(300)));
        assert_eq!(fetch.end, Some(7));
    }

    #[test]
    fn an_answer_that_stays_away_is_told() {
        let now = Instant::now() + Duration::from_secs(60);
        let since = now - Duration::from_secs(9);
        let mut fetches = Fetches::new(false);

        learn(&mut fetches, &statistics(HEALTHY, ACTIVE), now, since);
        let later = now + Duration::from_secs(5);
        let fetch = learn(&mut fetches, &statistics(LATER, ACTIVE), later, since);

        assert_eq!(fetch.asked, Some(Duration::ZERO));
        assert_eq!(fetch.answered, Some(Duration::from_millis(5_300)));
        assert_eq!(fetch.end, Some(9));
    }

    #[test]
    fn what_was_before_an_epoch_is_not_of_it() {
        let now = Instant::now() + Duration::from_secs(60);

        let json = statistics(HEALTHY, ACTIVE);
        let fetch = learn(&mut Fetches::new(true), &json, now, now - Duration::from_millis(250));

        assert_eq!(fetch.asked, Some(Duration::from_millis(200)));
        assert_eq!(fetch.answered, None);
    }

    #[test]
    fn a_partition_that_does_not_know_its_offset_is_not_asked_for() {
        let now = Instant::now() + Duration::from_secs(60);

        let json = statistics(HEALTHY, UNKNOWN);
        let fetch = learn(&mut Fetches::new(true), &json, now, now - Duration::from_secs(9));

        assert_eq!((fetch.asked, fetch.answered, fetch.end), (None, None, None));
    }

    #[test]
    fn what_is_no_statistics_is_refused() {
        let held = std::iter::empty();

        assert!(Fetches::new(true).learn("{}", Instant::now(), held).is_err());
    }
}
