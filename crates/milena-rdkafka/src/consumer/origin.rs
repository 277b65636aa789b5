//! Where reading begins, and goes on when the offset is not there.

use super::{
    partitions::Why,
    query::{self, Ask},
};
use crate::native::Client;
use milena_core::{
    record::TopicPartition,
    transport::{Reset, StartAt},
};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a membership says about that.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// Whether there is a group that may have committed something.
    pub(super) has_group: bool,
    pub(super) start: StartAt,
    pub(super) reset: Reset,
}

/// A partition that is to begin, and whether it appeared while this consumer was running.
pub(super) type Beginning = (TopicPartition, bool);

/// Where a partition begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Begins {
    At(i64),
    /// Nothing is committed, and that is an error.
    Nowhere,
    /// The broker did not say, for now.
    Unknown(Code),
}

/// What it takes to know.
#[derive(Debug, PartialEq)]
enum Source {
    Known(Begins),
    Asked(Ask),
}

/// What becomes of a partition whose offset is not there.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// It is there after all.
    GoOn,
    To(i64),
    Fail,
}

impl Origin {
    /// Where these begin. It waits for brokers.
    pub(super) fn begin(
        &self,
        client: &Client,
        partitions: Vec<Beginning>,
        within: Duration,
    ) -> Vec<(TopicPartition, Begins)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (mut begins, mut asked) = (Vec::new(), Vec::new());
        for ((place, is_new), committed) in self.committed(client, partitions, within) {
            let source = match committed {
                Ok(Some(offset)) => Source::Known(Begins::At(offset)),
                Ok(None) => self.source(&place, is_new, now),
                Err(code) => Source::Known(Begins::Unknown(code)),
            };
            match source {
                Source::Known(known) => begins.push((place, known)),
                Source::Asked(ask) => asked.push((place, ask)),
            }
        }
        ask(client, asked, within, &mut begins);
        begins
    }

    fn committed(
        &self,
        client: &Client,
        partitions: Vec<Beginning>,
        within: Duration,
    ) -> Vec<(Beginning, Result<Option<i64>, Code>)> {
        if !self.has_group {
            return partitions.into_iter().map(|at| (at, Ok(None))).collect();
        }
        let places: Vec<_> = partitions.iter().map(|(place, _)| place.clone()).collect();
        match query::committed(client, &places, within) {
            Ok(answers) => partitions.into_iter().zip(answers).collect(),
            Err(code) => partitions.into_iter().map(|at| (at, Err(code))).collect(),
        }
    }

    /// Where a partition begins for which nothing is committed. Nothing in a new one can be old.
    fn source(&self, place: &TopicPartition, is_new: bool, now: Duration) -> Source {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        match &self.start {
            StartAt::Latest | StartAt::Committed if is_new => Source::Asked(Ask::Oldest),
            StartAt::Latest => Source::Asked(Ask::End),
            StartAt::Committed => Source::Known(Begins::Nowhere),
            StartAt::Time(time) => Source::Asked(Ask::Time(*time)),
            StartAt::Ago(age) => Source::Asked(Ask::Time(millis(now.saturating_sub(*age)))),
            StartAt::Offsets(offsets) => offsets
                .iter()
                .find(|(at, _)| at == place)
                .map_or(Source::Asked(Ask::Oldest), |(_, at)| Source::Known(Begins::At(*at))),
            _ => Source::Asked(Ask::Oldest),
        }
    }

    /// What becomes of a partition that was at an offset which the broker says is not there.
    pub(super) fn turn(&self, from: i64, why: Why, (oldest, end): (i64, i64)) -> Turn {
        match (self.reset, why) {
            (_, Why::Gone) if (oldest..=end).contains(&from) => Turn::GoOn,
            (Reset::Error, _) => Turn::Fail,
            // A new topic is read from its first record on.
            (Reset::Earliest, _) | (Reset::Latest, Why::CreatedAgain) => Turn::To(oldest),
            (Reset::Latest, Why::Gone | Why::Truncated) => Turn::To(end),
        }
    }
}

/// Behind the newest record there is none of a later time, so reading begins there.
fn ask(
    client: &Client,
    asked: Vec<(TopicPartition, Ask)>,
    within: Duration,
    begins: &mut Vec<(TopicPartition, Begins)>,
) {
    let answers = query::offsets(client, &asked, within);
    let answers = answers.unwrap_or_else(|code| vec![Err(code); asked.len()]);
    let mut ends = Vec::new();
    for ((place, ask), answer) in asked.into_iter().zip(answers) {
        match answer {
            Ok(Some(offset)) => begins.push((place, Begins::At(offset))),
            Ok(None) if ask != Ask::End => ends.push((place, Ask::End)),
            Ok(None) => begins.push((place, Begins::Unknown(Code::UnknownPartition))),
            Err(code) => begins.push((place, Begins::Unknown(code))),
        }
    }
    if !ends.is_empty() {
        self::ask(client, ends, within, begins);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    fn source(start: StartAt, is_new: bool) -> Source {
        let origin = Origin { has_group: true, start, reset: Reset::Earliest };
        origin.source(&TopicPartition::new("t", 1), is_new, NOW)
    }

    fn turn(reset: Reset, from: i64, why: Why) -> Turn {
        let origin = Origin { has_group: true, start: StartAt::Earliest, reset };
        origin.turn(from, why, (10, 20))
    }

    #[test]
    fn a_partition_without_a_commit_begins_as_the_membership_says() {
        let named = |partition| vec![(TopicPartition::new("t", partition), 7)];

        assert_eq!(source(StartAt::Earliest, false), Source::Asked(Ask::Oldest));
        assert_eq!(source(StartAt::Latest, false), Source::Asked(Ask::End));
        assert_eq!(source(StartAt::Committed, false), Source::Known(Begins::Nowhere));
        assert_eq!(source(StartAt::Time(5), false), Source::Asked(Ask::Time(5)));
        let ago = StartAt::Ago(Duration::from_secs(1));
        assert_eq!(source(ago, false), Source::Asked(Ask::Time(999_000)));
        assert_eq!(source(StartAt::Ago(NOW * 2), false), Source::Asked(Ask::Time(0)));
        assert_eq!(source(StartAt::Offsets(named(1)), false), Source::Known(Begins::At(7)));
        assert_eq!(source(StartAt::Offsets(named(2)), false), Source::Asked(Ask::Oldest));
    }

    #[test]
    fn a_new_partition_begins_at_its_oldest_record() {
        assert_eq!(source(StartAt::Latest, true), Source::Asked(Ask::Oldest));
        assert_eq!(source(StartAt::Committed, true), Source::Asked(Ask::Oldest));
        assert_eq!(source(StartAt::Time(5), true), Source::Asked(Ask::Time(5)));
    }

    #[test]
    fn an_offset_that_is_gone_is_reset_as_the_membership_says() {
        assert_eq!(turn(Reset::Earliest, 9, Why::Gone), Turn::To(10));
        assert_eq!(turn(Reset::Earliest, 21, Why::Gone), Turn::To(10));
        assert_eq!(turn(Reset::Latest, 9, Why::Gone), Turn::To(20));
        assert_eq!(turn(Reset::Error, 9, Why::Gone), Turn::Fail);
    }

    #[test]
    fn an_offset_that_is_there_is_reset_only_if_something_else_stands_there() {
        assert_eq!(turn(Reset::Error, 10, Why::Gone), Turn::GoOn);
        assert_eq!(turn(Reset::Earliest, 20, Why::Gone), Turn::GoOn);
        assert_eq!(turn(Reset::Earliest, 15, Why::Truncated), Turn::To(10));
        assert_eq!(turn(Reset::Latest, 15, Why::Truncated), Turn::To(20));
        assert_eq!(turn(Reset::Latest, 15, Why::CreatedAgain), Turn::To(10));
        assert_eq!(turn(Reset::Error, 15, Why::CreatedAgain), Turn::Fail);
    }
}
