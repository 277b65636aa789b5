//! Where partitions begin, and where they go on.

use super::{
    origin::{Begins, Turn},
    partitions::{Missing, Refusal, Why},
    trouble::Verdict,
    worker::Worker,
};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::time::Instant;

impl Worker {
    /// The runtime wants to go on at these offsets.
    pub(super) fn seek(&mut self, to: Vec<(TopicPartition, i64)>) {
        let to = to.into_iter().map(|(at, offset)| (at, offset.max(0))).collect();
        let steps = self.rebalance.seek(to);
        self.take(steps);
    }

    /// librdkafka gave a partition up, because its offset is not there.
    pub(super) fn stopped(&mut self, refusal: &Refusal) {
        let missing = self.partitions.stopped(refusal);
        missing.into_iter().for_each(|missing| self.resets.add(missing));
    }

    /// Takes what brokers say of offsets, and acts on it.
    pub(super) fn look_after_offsets(&mut self, now: Instant) {
        if !self.failed {
            self.ask_for_offsets(now);
        }
        self.begin(now);
        self.restart(now);
        self.partitions.seek(now);
    }

    fn ask_for_offsets(&mut self, now: Instant) {
        for again in self.ids.look(now, || self.partitions.topics()) {
            let missing = self.partitions.created_again(again);
            missing.into_iter().for_each(|missing| self.resets.add(missing));
        }
        let topics = &self.topics;
        let troubles = self.starts.look(now, &self.settings.origin, |place| topics.is_new(place));
        for (place, begins) in troubles {
            self.begins_nowhere(place, begins);
        }
        for (missing, bounds) in self.resets.look(now) {
            self.turn(missing, bounds);
        }
    }

    fn begins_nowhere(&mut self, place: TopicPartition, begins: Begins) {
        match begins {
            Begins::At(_) => {}
            Begins::Unknown(code) => self.judge_offset(place, code),
            Begins::Nowhere => {
                let whom = self.settings.whom();
                let message =
                    format!("could not begin to read `{place}` for {whom}: nothing is committed");
                self.starts.end(&[place]);
                self.fail(Error::new(ErrorKind::OutOfRange, message));
            }
        }
    }

    /// Decides where a partition goes on whose offset is not there.
    fn turn(&mut self, missing: Missing, bounds: Result<(i64, i64), Code>) {
        if !self.partitions.is_stopped(&missing) {
            return;
        }
        let (oldest, end) = match bounds {
            Ok(bounds) => bounds,
            Err(code) => {
                self.judge_offset(missing.place.clone(), code);
                return self.resets.add(missing);
            }
        };
        let Missing { place, from, why, .. } = &missing;
        match self.settings.origin.turn(*from, *why, (oldest, end)) {
            Turn::GoOn => self.partitions.go_on(&missing),
            Turn::To(to) => {
                let group = self.settings.group();
                tracing::warn!(group, partition = %place, from, to, "{}", why.text());
                let steps = self.rebalance.reset(place.clone(), *from, to);
                self.take(steps);
            }
            Turn::Fail => {
                let again = if *why == Why::CreatedAgain {
                    "its topic was created again, and "
                } else {
                    ""
                };
                let message = format!(
                    "could not go on with `{place}` at offset {from}: {again}the broker has the offsets {oldest} to {end}"
                );
                self.fail(Error::new(ErrorKind::OutOfRange, message));
            }
        }
    }

    /// A broker did not say which offsets a partition has. It is asked again.
    fn judge_offset(&mut self, place: TopicPartition, code: Code) {
        tracing::debug!(partition = %place, %code, "a broker did not say which offsets there are");
        match code {
            Code::UnknownPartition => return self.judge(Verdict::CheckTopics),
            // A new topic has its leaders in a moment, and one that lasts is for the watchdog to tell.
            Code::NotLeaderForPartition | Code::LeaderNotAvailable => return,
            _ => {}
        }
        let refusal = Refusal { place, offset: 0, code, text: String::new() };
        let verdict = self.trouble.of_partition(&refusal);
        self.judge(verdict);
    }
}
