//! Commits that are made, and whose answers are lost.

use super::{
    copies::{Copies, Tally},
    frames::Api,
    plan::Rest,
};
use crate::faults::service::until;
use std::time::Duration;

const BATCH: usize = 30;

async fn lose(rest: Rest) {
    let Some(copies) = Copies::new(Duration::from_secs(3)).await else { return };
    let plan = copies.cluster.plan();
    let service = copies.start();
    let (mut before, rounds) = (copies.committed().await, 3);
    for round in 0..rounds {
        plan.lose_answer(Api::OFFSET_COMMIT, rest);
        copies.write(round * BATCH..(round + 1) * BATCH).await;
        until("an answer is lost", async || plan.fired().answers_lost > round).await;
        let asked = plan.requests(Api::OFFSET_COMMIT);
        until("it is committed again", async || {
            let now = copies.committed().await;
            assert!(now >= before, "{now:?} is behind {before:?}");
            before = now;
            plan.requests(Api::OFFSET_COMMIT) > asked
        })
        .await;
        copies.until_done().await;
    }
    service.stop().await.unwrap();
    let handled = copies.calls.count();
    let next = copies.start();
    copies.write(rounds * BATCH..(rounds + 1) * BATCH).await;
    copies.until_done().await;
    next.stop().await.unwrap();

    let tally = copies.tally(0..(rounds + 1) * BATCH).await;
    println!(
        "fired: {} answers lost ({rest:?}), {} commits asked for; {handled} calls, then {} more, {tally:?}",
        plan.fired().answers_lost,
        plan.requests(Api::OFFSET_COMMIT),
        copies.calls.count() - handled
    );
    assert_eq!(plan.fired().answers_lost, rounds);
    assert_eq!((handled, copies.calls.count()), (rounds * BATCH, (rounds + 1) * BATCH));
    assert_eq!(tally, Tally { missing: 0, twice: 0 });
}

#[tokio::test]
async fn commits_whose_answers_are_lost_with_their_connections_are_made_again_and_never_lower() {
    lose(Rest::Cut).await;
}

#[tokio::test]
async fn commits_that_are_never_answered_are_made_again_and_never_lower() {
    lose(Rest::Open).await;
}
