//! Records that say what their handler is to do.

use super::history::{History, Lane, Rules};
use crate::kit::TestApp;
use milena::{
    Outcome, Record, Router, State, by_key, each,
    extract::FromRef,
    record::ProducerRecord,
    router::{Concurrency, Each, Subscriber, by_partition},
};
use milena_memory::Memory;
use std::time::Duration;
use tokio::time::sleep;

pub(super) const MS: Duration = Duration::from_millis(1);

/// Does what the value says: a word for each attempt, the last one for those behind it, and each of
/// parts with `+` in between. A number is a sleep of so many milliseconds.
pub(super) async fn work(
    record: Record,
    State(history): State<History>,
) -> anyhow::Result<Outcome> {
    let call = history.begin(&record);
    let text = String::from_utf8(record.value().unwrap_or(b"0").to_vec()).unwrap();
    let attempts: Vec<_> = text.split(' ').collect();
    let attempt = attempts.get(record.attempt() as usize - 1).or(attempts.last()).unwrap();
    for part in attempt.split('+') {
        match part {
            "never" => std::future::pending().await,
            "fail" => {
                call.failed();
                anyhow::bail!("it was told to")
            }
            // As `panic!` does, but quietly.
            "panic" => std::panic::resume_unwind(Box::new("it was told to")),
            "again" => {
                call.failed();
                return Ok(Outcome::retry_after(50 * MS));
            }
            "skip" => {
                call.done();
                return Ok(Outcome::skip("it was told to"));
            }
            "dead" => {
                call.done();
                return Ok(Outcome::dead_letter("it was told to"));
            }
            "stop" => {
                call.failed();
                return Ok(Outcome::stop("it was told to"));
            }
            "0" => {}
            time => sleep(time.parse::<u32>().unwrap() * MS).await,
        }
    }
    call.done();
    Ok(Outcome::done())
}

/// A subscriber that does it.
pub(super) fn working<S>(concurrency: Concurrency) -> Subscriber<S, anyhow::Result<Outcome>, Each>
where
    S: Clone + Send + Sync + 'static,
    History: FromRef<S>,
{
    each(work).concurrency(concurrency)
}

/// A service of this subscriber alone, that commits often.
pub(super) fn service<O, C>(history: &History, subscriber: Subscriber<History, O, C>) -> Router
where
    O: milena::router::handler::IntoOutcome<C> + 'static,
    C: 'static,
{
    Router::new("g").subscribe("t", subscriber).commit_interval(10 * MS).with_state(history.clone())
}

/// All there is, with what holds of it.
pub(super) fn orders(calls: usize) -> [(Concurrency, Rules); 3] {
    [
        (by_partition(), Rules::new(Lane::Partition, usize::MAX)),
        (by_key(calls), Rules::new(Lane::Key, calls)),
        (milena::unordered(calls), Rules::new(Lane::Free, calls)),
    ]
}

/// Writes a record with this key and value to a partition of topic `t`.
pub(super) fn put(broker: &Memory, partition: i32, key: Option<&str>, value: &str) {
    let record = ProducerRecord::new("t").partition(partition).value(value.to_owned());
    let record = match key {
        Some(key) => record.key(key.to_owned()),
        None => record,
    };
    broker.produce(record).unwrap();
}

/// A broker with topic `t` of so many partitions.
pub(super) fn broker(partitions: i32) -> Memory {
    let broker = Memory::new();
    broker.create_topic("t", partitions);
    broker
}

/// Waits until everything is done, which has to be within an hour of the test's time.
pub(super) async fn settle(test: &TestApp) {
    let settled = tokio::time::timeout(3_600_000 * MS, test.settle()).await;
    assert!(settled.is_ok(), "it does not go on: {} behind", test.broker().lag("g", "t"));
}
