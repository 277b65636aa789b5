//! What is promised to a user, and whether it is kept.

use milena::Memory;
use milena_core::ProducerRecord;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

/// A promise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Promise {
    /// I1: every record comes to an end: done, or a dead letter.
    NoLoss,
    /// I2: no commit says more than what came to an end.
    CommitSafety,
    /// I4: records of a key, and attempts with a record, stand in order and apart.
    KeyOrder,
    /// I5: what is done is not done again behind a hand-over in good order.
    BoundedDuplicates,
    /// I6: results are there exactly once, together with the offsets behind them.
    ExactlyOnce,
    /// I7: no attempt comes before its time.
    RetryContract,
    /// I8: what was stuck goes on behind the last fault.
    Liveness,
}

/// A promise that was broken, and how.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) Promise, #[allow(dead_code, reason = "it is shown")] String);

/// Nothing, or that the promise was broken.
pub(crate) fn kept(promise: Promise, is_kept: bool, how: impl FnOnce() -> String) -> Vec<Broken> {
    if is_kept { Vec::new() } else { vec![Broken(promise, how())] }
}

/// What a service did, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn push(&self, value: &str) {
        self.0.lock().unwrap().push(value.to_owned());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn count(&self, value: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|it| *it == value).count()
    }
}

/// I1: each of these came to an end.
pub(crate) fn no_loss(expected: &[&str], ended: &[String]) -> Vec<Broken> {
    let missing: Vec<_> =
        expected.iter().filter(|it| !ended.iter().any(|ended| ended == *it)).collect();
    kept(Promise::NoLoss, missing.is_empty(), || format!("{missing:?} are lost"))
}

/// I2: no more is committed than came to an end.
pub(crate) fn commit_safety(committed: i64, ended: usize) -> Vec<Broken> {
    kept(Promise::CommitSafety, committed <= ended as i64, || {
        format!("{committed} are committed, and {ended} came to an end")
    })
}

/// I5: nothing was done twice.
pub(crate) fn no_duplicates(done: &[String]) -> Vec<Broken> {
    let doubled = doubled(done);
    kept(Promise::BoundedDuplicates, doubled.is_empty(), || format!("{doubled:?} came again"))
}

/// I6: these results are there once each.
pub(crate) fn exactly_once(expected: &[&str], results: &[String]) -> Vec<Broken> {
    let is_kept = doubled(results).is_empty()
        && results.len() == expected.len()
        && expected.iter().all(|it| results.iter().any(|result| result == it));
    kept(Promise::ExactlyOnce, is_kept, || format!("{results:?} are there, not {expected:?}"))
}

fn doubled(values: &[String]) -> Vec<&String> {
    let mut counts = HashMap::new();
    values.iter().for_each(|it| *counts.entry(it).or_insert(0) += 1);
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(value, _)| value).collect()
}

/// Writes these values to the first partition of `in`, each under the same key.
pub(crate) fn produce(broker: &Memory, values: &[&str]) {
    for value in values {
        let record = ProducerRecord::new("in").partition(0).key("k").value((*value).to_owned());
        broker.produce(record).unwrap();
    }
}

/// What a reader of committed records sees of a topic.
pub(crate) fn seen(broker: &Memory, topic: &str) -> Vec<String> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let records = broker.records(topic);
    records.iter().map(|record| text(record.value().unwrap_or_default())).collect()
}
