//! Exactly once, while members are killed at each step of a transaction: the proxy holds the step until they are dead.

use super::{
    copies::{Copies, Tally, ordered},
    frames::Api,
    plan::{Moment, Rest},
};
use crate::faults::{
    child::{Process, orders, run},
    service::until,
};
use milena_rdkafka::Kafka;
use nix::sys::signal::Signal;
use std::time::Duration;

const TEST: &str = "faults::proxy::killed::a_process_copies_exactly_once_when_it_is_asked_to";
const ONCE: Tally = Tally { missing: 0, twice: 0 };
const BATCH: usize = 30;

const STEPS: [Api; 6] = [
    Api::INIT_PRODUCER_ID,
    Api::ADD_PARTITIONS,
    Api::PRODUCE,
    Api::ADD_OFFSETS,
    Api::TRANSACTION_OFFSETS,
    Api::END_TRANSACTION,
];

/// What becomes of the step at which a member dies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    /// It never leaves the member.
    Unsent,
    /// It reaches the broker when the member is dead, and the next one is about to begin.
    Late,
    /// The broker took it, and the member did not learn that.
    Unanswered,
}

#[test]
fn a_process_copies_exactly_once_when_it_is_asked_to() {
    let Some(orders) = orders() else { return };
    // A killed one is missed soon.
    let kafka = Kafka::new(&*orders["brokers"])
        .set("session.timeout.ms", "1500")
        .set("heartbeat.interval.ms", "300");
    run(kafka, ordered(&orders), async |_| {});
}

/// Kills a member at each step of a transaction, and starts another with its id.
async fn kill_at(step: Step) {
    let Some(copies) = Copies::new(Duration::from_secs(60)).await else { return };
    let plan = copies.cluster.plan();
    let start = || Process::start(TEST, &copies.orders());
    let (mut member, mut written) = (None, 0);
    for (killed, api) in STEPS.into_iter().enumerate() {
        match step {
            Step::Unanswered => plan.lose_answer(api, Rest::Open),
            _ => plan.hold(api, Rest::Open, Moment::Before(Api::INIT_PRODUCER_ID)),
        }
        // The first step is taken by who begins.
        let victim = member.take().unwrap_or_else(start);
        copies.write(written..written + BATCH).await;
        written += BATCH;
        until("a member is at this step", async || fired(&copies) > killed).await;
        victim.signal(Signal::SIGKILL);
        assert_eq!(victim.end().await.code, None);
        if step == Step::Unsent {
            plan.discard_held();
        }
        member = Some(start());
        copies.until_done().await;
    }
    let end = member.unwrap().terminate().await;
    assert_eq!(end.code, Some(0), "{:#?}", end.lines);

    let (tally, taken_back) = (copies.tally(0..written).await, copies.taken_back().await);
    println!(
        "fired: {} members killed at a step ({step:?}), {} late; {written} records, {tally:?}, {taken_back} copies taken back",
        fired(&copies),
        plan.fired().late.len(),
    );
    assert_eq!(fired(&copies), STEPS.len());
    assert_eq!(plan.fired().late.len(), if step == Step::Late { STEPS.len() } else { 0 });
    assert_eq!(tally, ONCE);
    assert!(taken_back > 0, "no transaction was open when its member was killed");
}

/// How many members came to the step at which they die.
fn fired(copies: &Copies) -> usize {
    let fired = copies.cluster.plan().fired();
    fired.held + fired.answers_lost
}

#[tokio::test]
async fn a_member_that_is_killed_before_a_step_is_sent_costs_nothing() {
    kill_at(Step::Unsent).await;
}

#[tokio::test]
async fn a_member_whose_step_comes_when_it_was_killed_costs_nothing() {
    kill_at(Step::Late).await;
}

#[tokio::test]
async fn a_member_that_is_killed_before_a_step_is_answered_costs_nothing() {
    kill_at(Step::Unanswered).await;
}
