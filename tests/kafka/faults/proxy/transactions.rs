//! Exactly once, while answers to the steps of transactions are lost and their ends come late.

use super::{
    copies::{Copies, Tally},
    frames::Api,
    plan::{Moment, Rest},
};
use crate::faults::service::until;
use std::time::Duration;

const ONCE: Tally = Tally { missing: 0, twice: 0 };
const BATCH: usize = 30;

async fn lose(steps: &[Api], rest: Rest) {
    let Some(copies) = Copies::new(Duration::from_secs(3)).await else { return };
    let plan = copies.cluster.plan();
    let service = copies.start_exactly_once();
    let mut written = 0;
    for (lost, step) in steps.iter().enumerate() {
        plan.lose_answer(*step, rest);
        copies.write(written..written + BATCH).await;
        written += BATCH;
        until("an answer is lost", async || plan.fired().answers_lost > lost).await;
        copies.until_done().await;
    }
    copies.write(written..written + BATCH).await;
    written += BATCH;
    copies.until_done().await;
    assert!(service.is_running());
    service.stop().await.unwrap();

    let tally = copies.tally(0..written).await;
    let sessions = plan.requests(Api::INIT_PRODUCER_ID);
    println!(
        "fired: {} answers lost ({rest:?}), {} late; {written} records, {} calls, {sessions} sessions asked for, {tally:?}",
        plan.fired().answers_lost,
        plan.fired().late.len(),
        copies.calls.count()
    );
    assert_eq!(plan.fired().answers_lost, steps.len());
    assert_eq!(tally, ONCE);
}

const STEPS: [Api; 5] = [
    Api::ADD_PARTITIONS,
    Api::PRODUCE,
    Api::ADD_OFFSETS,
    Api::TRANSACTION_OFFSETS,
    Api::END_TRANSACTION,
];

#[tokio::test]
async fn steps_whose_answers_are_lost_with_their_connections_are_seen_once() {
    lose(&STEPS, Rest::Cut).await;
}

#[tokio::test]
async fn steps_that_are_never_answered_are_seen_once() {
    lose(&STEPS, Rest::Open).await;
}

/// The end of a transaction is held, and delivered in the middle of the next one.
async fn hold(rest: Rest, until_then: Moment) {
    let Some(copies) = Copies::new(Duration::from_secs(3)).await else { return };
    let plan = copies.cluster.plan();
    let service = copies.start_exactly_once();
    copies.write(0..BATCH).await;
    copies.until_done().await;
    plan.hold(Api::END_TRANSACTION, rest, until_then);
    let mut written = BATCH;
    // Not another transaction before the end of this one is held.
    copies.write(written..written + BATCH).await;
    written += BATCH;
    until("an end is held", async || plan.fired().held == 1).await;
    copies.until_done().await;
    while plan.fired().late.is_empty() {
        copies.write(written..written + BATCH).await;
        written += BATCH;
        copies.until_done().await;
    }
    assert!(service.is_running());
    service.stop().await.unwrap();

    let tally = copies.tally(0..written).await;
    let (fired, sessions) = (plan.fired(), plan.requests(Api::INIT_PRODUCER_ID));
    println!(
        "fired: 1 end held ({rest:?}), answered {:?} when it came late; until {until_then:?}; {written} records, {} calls, {sessions} sessions asked for, {tally:?}",
        fired.late,
        copies.calls.count()
    );
    assert_eq!((fired.held, fired.late.len()), (1, 1));
    assert_eq!(tally, ONCE);
    assert_ne!(fired.late, [0], "the end of one transaction was taken for that of the next");
}

#[tokio::test]
async fn an_end_that_comes_late_before_offsets_ends_no_other_transaction() {
    hold(Rest::Cut, Moment::Before(Api::TRANSACTION_OFFSETS)).await;
}

#[tokio::test]
async fn an_end_that_comes_late_behind_results_ends_no_other_transaction() {
    hold(Rest::Cut, Moment::Behind(Api::PRODUCE)).await;
}

#[tokio::test]
async fn an_end_that_was_waited_for_and_comes_late_ends_no_other_transaction() {
    hold(Rest::Open, Moment::Behind(Api::PRODUCE)).await;
}
