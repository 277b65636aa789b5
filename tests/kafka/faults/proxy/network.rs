//! Connections on which nothing passes for a while, that are slow, or that are reset again and again.

use super::{
    copies::{Copies, Tally},
    frames::Api,
    plan::{Hole, Slow, Way},
};
use crate::faults::service::{Service, until};
use std::time::Duration;

const ONCE: Tally = Tally { missing: 0, twice: 0 };
const SECOND: Duration = Duration::from_secs(1);

/// Nothing passes for ten seconds, while a hundred records are written each second.
async fn fall_into(holes: &[Hole]) {
    let Some(copies) = Copies::new(4 * SECOND).await else { return };
    let plan = copies.cluster.plan();
    let service = copies.start();
    copies.write(0..100).await;
    copies.until_done().await;
    let mut written = 100;
    for hole in holes {
        plan.open_hole(*hole);
        for _ in 0..10 {
            copies.write(written..written + 100).await;
            written += 100;
            tokio::time::sleep(SECOND).await;
        }
        plan.close_hole();
        copies.until_done().await;
    }
    assert!(service.is_running());
    service.stop().await.unwrap();

    let (fired, tally) = (plan.fired(), copies.tally(0..written).await);
    println!(
        "fired: {} waited and {} swallowed in {} holes of 10 s; {written} records, {} calls, {} joins, {tally:?}",
        fired.silenced,
        fired.swallowed,
        holes.len(),
        copies.calls.count(),
        plan.requests(Api::JOIN_GROUP)
    );
    assert!(fired.silenced + fired.swallowed >= holes.len());
    assert_eq!(tally.missing, 0);
}

#[tokio::test]
async fn a_broker_that_is_silent_for_ten_seconds_costs_no_record() {
    fall_into(&[Hole::Waits(Way::ToBroker), Hole::Waits(Way::ToClient)]).await;
}

#[tokio::test]
async fn connections_that_swallow_everything_for_ten_seconds_cost_no_record() {
    fall_into(&[Hole::Swallows(Way::ToBroker), Hole::Swallows(Way::ToClient)]).await;
}

#[tokio::test]
async fn a_network_that_is_slow_moves_no_partition() {
    let Some(copies) = Copies::new(60 * SECOND).await else { return };
    let plan = copies.cluster.plan();
    let service = copies.start();
    copies.write(0..100).await;
    copies.until_done().await;
    let joins = plan.requests(Api::JOIN_GROUP);

    plan.slow_down(Slow { delay: SECOND, jitter: SECOND / 2, rate: 64 * 1024 });
    for round in 1..=20 {
        copies.write(round * 100..(round + 1) * 100).await;
        tokio::time::sleep(SECOND).await;
    }
    until("some is handled all the same", async || copies.calls.count() > 1000).await;
    plan.slow_down(Slow::default());
    copies.until_done().await;
    let joined = plan.requests(Api::JOIN_GROUP) - joins;
    service.stop().await.unwrap();

    let (fired, tally) = (plan.fired(), copies.tally(0..2100).await);
    println!("fired: {} frames slowed; 2100 records, {joined} joins, {tally:?}", fired.slowed);
    assert!(fired.slowed > 20);
    assert!(joins > 0);
    assert_eq!((joined, tally), (0, ONCE));
}

/// Each 20th request closes its connection.
async fn reset(copies: &Copies, service: Service) {
    let plan = copies.cluster.plan();
    copies.write(0..100).await;
    copies.until_done().await;
    plan.reset_each(20);
    let mut written = 100;
    while plan.fired().resets < 30 {
        copies.write(written..written + 100).await;
        written += 100;
        copies.until_done().await;
    }
    plan.reset_each(0);
    copies.write(written..written + 100).await;
    written += 100;
    copies.until_done().await;
    assert!(service.is_running());
    service.stop().await.unwrap();

    let tally = copies.tally(0..written).await;
    println!(
        "fired: {} resets; {written} records, {} calls, {} joins, {} sessions asked for, {tally:?}",
        plan.fired().resets,
        copies.calls.count(),
        plan.requests(Api::JOIN_GROUP),
        plan.requests(Api::INIT_PRODUCER_ID)
    );
    assert_eq!(tally, ONCE);
}

#[tokio::test]
async fn connections_that_are_reset_again_and_again_lose_and_repeat_nothing() {
    let Some(copies) = Copies::new(10 * SECOND).await else { return };
    let service = copies.start();
    reset(&copies, service).await;
}

#[tokio::test]
async fn connections_that_are_reset_again_and_again_publish_everything_exactly_once() {
    let Some(copies) = Copies::new(10 * SECOND).await else { return };
    let service = copies.start_exactly_once();
    reset(&copies, service).await;
}
