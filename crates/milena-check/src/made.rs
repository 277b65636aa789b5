//! Histories that are made by hand.

use crate::{
    At, BESIDE, Broken, Entry, How, Invariant, Rules, SOURCE, What,
    entry::Copied,
    facts::Facts,
    invariants::{self, Check},
};
use milena_core::record::{Headers, TopicPartition};
use std::{sync::Arc, time::Duration};

/// A history of the partition `in/0`, in which each thing takes a millisecond.
pub(crate) struct Made {
    entries: Vec<Entry>,
    instance: Arc<str>,
    time: Duration,
    epoch: u64,
    numbers: u64,
}

impl Made {
    pub(crate) fn new() -> Self {
        let time = Duration::ZERO;
        Self { entries: Vec::new(), instance: "a".into(), time, epoch: 1, numbers: 0 }
    }

    /// Another instance goes on.
    pub(crate) fn by(self, instance: &str) -> Self {
        Self { instance: instance.into(), ..self }
    }

    pub(crate) fn later(mut self, millis: u64) -> Self {
        self.time += Duration::from_millis(millis);
        self
    }

    pub(crate) fn note(mut self, what: What) -> Self {
        let (time, instance) = (self.time, self.instance.clone());
        self.entries.push(Entry { time, instance, what });
        self.later(1)
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn input(self, offset: i64, key: &'static str) -> Self {
        let headers = Headers::new().with("colour", "red");
        let (key, value) = (Some(key.into()), Some(key.into()));
        self.note(What::Input(Arc::new(Copied { at: at(offset), key, value, headers })))
    }

    pub(crate) fn began(mut self, offset: i64, attempt: u32) -> Self {
        let (call, epoch) = (self.number(), self.epoch);
        self.note(What::Began(call, at(offset), epoch, attempt))
    }

    pub(crate) fn call(self, offset: i64, attempt: u32, how: How) -> Self {
        let made = self.began(offset, attempt);
        let (call, epoch) = (made.numbers, made.epoch);
        made.note(What::Ended(call, at(offset), epoch, attempt, how))
    }

    /// A result of the record is sent, delivered and seen.
    pub(crate) fn seen(self, offset: i64) -> Self {
        let headers = Headers::new().with(SOURCE, at(offset).to_string());
        self.published("out", at(offset), (headers, "result"))
    }

    /// What a call with the record published itself is seen.
    pub(crate) fn beside(self, offset: i64, attempt: u32) -> Self {
        let headers = Headers::new().with(BESIDE, format!("{}#{attempt}", at(offset)));
        self.published("aside", at(offset), (headers, "result"))
    }

    pub(crate) fn letter(self, offset: i64, attempts: u32) -> Self {
        self.letter_of(offset, attempts, "a")
    }

    pub(crate) fn letter_of(self, offset: i64, attempts: u32, value: &'static str) -> Self {
        let headers = Headers::new()
            .with("colour", "red")
            .with("milena-dead-letter-topic", "in")
            .with("milena-dead-letter-partition", "0")
            .with("milena-dead-letter-offset", offset.to_string())
            .with("milena-dead-letter-attempts", attempts.to_string());
        self.published("dead", at(offset), (headers, value))
    }

    fn published(mut self, topic: &str, of: At, (headers, value): (Headers, &'static str)) -> Self {
        let letter = topic == "dead";
        let number = self.number();
        let there = At::new(topic, 0, number.cast_signed());
        let (key, value) = (Some("a".into()), Some(value.into()));
        let copied = Copied { at: there.clone(), key, value, headers };
        self.note(What::Sent(number, topic.into(), vec![of], letter, None))
            .note(What::Delivered(number, there))
            .note(What::Seen(Arc::new(copied)))
    }

    pub(crate) fn assigned(self, epoch: u64) -> Self {
        Self { epoch, ..self }.note(What::Assigned(place(), epoch))
    }

    pub(crate) fn released(self) -> Self {
        self.note(What::Released(place()))
    }

    pub(crate) fn lost(self) -> Self {
        self.note(What::Lost(place()))
    }

    pub(crate) fn found(self, to: i64) -> Self {
        self.note(What::Found(vec![(place(), to)]))
    }

    pub(crate) fn committed(self, to: i64) -> Self {
        self.commits(to, None)
    }

    pub(crate) fn committed_by(self, to: i64, id: &str) -> Self {
        self.commits(to, Some(id.into()))
    }

    fn commits(mut self, to: i64, id: Option<Arc<str>>) -> Self {
        // Who commits has the partition, unless the history says otherwise.
        let is_told = self.entries.iter().any(|entry| {
            matches!(entry.what, What::Assigned(..) | What::Lost(_) | What::Released(_))
        });
        if !is_told {
            let (time, instance) = (Duration::ZERO, self.instance.clone());
            let what = What::Assigned(place(), self.epoch);
            self.entries.insert(0, Entry { time, instance, what });
        }
        let offsets = vec![(place(), to)];
        self.note(What::CommitSent(offsets.clone(), id.clone())).note(What::Committed(offsets, id))
    }

    fn check(&self, rules: &Rules, of: &[Check]) -> Result<(), Broken> {
        let facts = Facts::of(&self.entries, rules);
        of.iter().try_for_each(|check| check(&facts))
    }

    #[track_caller]
    pub(crate) fn holds(&self, rules: &Rules) {
        if let Err(broken) = self.check(rules, &invariants::ALL) {
            panic!("{broken}");
        }
    }

    /// The text of the error with which the history breaks this.
    #[track_caller]
    pub(crate) fn breaks(&self, rules: &Rules, invariant: Invariant) -> String {
        let broken = self.check(rules, &invariants::ALL).unwrap_err();
        assert_eq!(broken.invariant(), invariant, "{broken}");
        broken.to_string()
    }

    /// This check alone finds nothing.
    #[track_caller]
    pub(crate) fn only_holds(&self, check: Check, rules: &Rules) {
        if let Err(broken) = self.check(rules, &[check]) {
            panic!("{broken}");
        }
    }

    /// The same, of this check alone.
    #[track_caller]
    pub(crate) fn breaks_only(&self, check: Check, rules: &Rules, invariant: Invariant) -> String {
        let broken = self.check(rules, &[check]).unwrap_err();
        assert_eq!(broken.invariant(), invariant, "{broken}");
        broken.to_string()
    }
}

fn at(offset: i64) -> At {
    At::new("in", 0, offset)
}

fn place() -> TopicPartition {
    TopicPartition::new("in", 0)
}
