//! A member: this test binary, started again. It writes down what befalls it.

use super::{
    dice::{Dice, spread},
    journal::Journal,
    records::{is_bad, is_slow, number},
};
use crate::faults::child::{orders, run};
use milena::{
    Record, Retry, Router, State, by_key, each,
    error::BoxError,
    extract::Attempt,
    router::{Rebalance, on_assigned},
    serve::Control,
};
use milena_core::TopicPartition;
use milena_rdkafka::Kafka;
use std::{path::Path, sync::Arc, time::Duration};

pub(super) const TEST: &str = "faults::soak::member::a_member_works_when_it_is_asked_to";
pub(super) const SESSION: Duration = Duration::from_secs(3);
pub(super) const ATTEMPTS: u32 = 4;
pub(super) const FIRST: Duration = Duration::from_millis(40);

/// Most calls take 0 to 20 ms, and some up to 2.5 s. One of ten fails and may be tried again.
async fn work(
    record: Record,
    Attempt(attempt): Attempt,
    State(journal): State<Journal>,
) -> Result<String, BoxError> {
    let number = number(record.value().unwrap());
    journal.call('S', &record, attempt);
    let dice = spread(number ^ (u64::from(attempt) << 40));
    let range = if is_slow(number) { 500..2500 } else { 0..21 };
    let takes = range.start + (dice >> 32) % (range.end - range.start);
    tokio::time::sleep(Duration::from_millis(takes)).await;
    let fails = is_bad(number) || (attempt < ATTEMPTS && (dice >> 16).is_multiple_of(10));
    journal.call(if fails { 'F' } else { 'E' }, &record, attempt);
    if fails { Err("not now".into()) } else { Ok(number.to_string()) }
}

/// Pauses a partition now and then.
async fn pause(control: Control, journal: Journal, mut dice: Dice) {
    loop {
        tokio::time::sleep(dice.millis(1_000..5_000)).await;
        let partitions = control.assignment().await.unwrap_or_default();
        if partitions.is_empty() {
            continue;
        }
        let at: TopicPartition = partitions[dice.below(partitions.len() as u64) as usize].clone();
        // It may have gone meanwhile.
        if control.pause(&at).await.is_ok() {
            journal.partition('P', at.partition);
            tokio::time::sleep(dice.millis(500..2_000)).await;
            journal.partition('U', at.partition);
            let _ = control.resume(&at).await;
        }
    }
}

/// Writes down which partitions came, were taken in good order, and were lost.
fn noted(
    journal: &Journal,
    what: char,
) -> impl Fn(Rebalance) -> std::future::Ready<Result<(), BoxError>> + use<> {
    let journal = journal.clone();
    move |rebalance| {
        rebalance.partitions().iter().for_each(|at| journal.partition(what, at.partition));
        std::future::ready(Ok(()))
    }
}

#[test]
fn a_member_works_when_it_is_asked_to() {
    let Some(orders) = orders() else { return };
    let journal = Journal::create(Path::new(&orders["journal"]));
    let retry = Retry::exponential(ATTEMPTS).starting_at(FIRST).at_most(4 * FIRST);
    let subscriber = each(work)
        .concurrency(by_key(64))
        .retry(retry)
        .publish_to(Arc::<str>::from(&*orders["replies"]))
        .dead_letter(&*orders["dead"]);
    let listener = on_assigned(noted(&journal, 'A'))
        .on_revoked(noted(&journal, 'R'))
        .on_lost(noted(&journal, 'L'));
    let router = Router::new(&*orders["group"])
        .subscribe(&*orders["topic"], subscriber)
        .on_rebalance(listener)
        .with_state(journal.clone());
    let kafka = Kafka::new(&*orders["brokers"])
        .set("session.timeout.ms", SESSION.as_millis().to_string())
        .set("heartbeat.interval.ms", "500");
    let dice = Dice::new(orders["seed"].parse().unwrap());
    run(kafka, router, async |control| drop(tokio::spawn(pause(control, journal, dice))));
}
