use super::rig::{ALL, Rig};
use rdkafka::types::{
    RDKafkaApiKey::OffsetCommit,
    RDKafkaErrorCode::{
        self as Code, BrokerTransportFailure, CoordinatorLoadInProgress, CoordinatorNotAvailable,
        IllegalGeneration, NotCoordinator, RebalanceInProgress, RequestTimedOut, UnknownMemberId,
    },
};
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, LocalSet};

const OFTEN: Duration = Duration::from_millis(50);
const NEVER: Duration = Duration::from_secs(1000);

/// What a commit may be refused with for now.
const FOR_NOW: [&[Code]; 7] = [
    &[RebalanceInProgress],
    &[CoordinatorLoadInProgress],
    &[NotCoordinator],
    &[CoordinatorNotAvailable],
    &[RequestTimedOut],
    &[RebalanceInProgress, RebalanceInProgress, RebalanceInProgress],
    &[
        CoordinatorLoadInProgress,
        RebalanceInProgress,
        NotCoordinator,
        RequestTimedOut,
        BrokerTransportFailure,
        RebalanceInProgress,
    ],
];

/// What says that the group went on without the member.
const FOR_GOOD: [&[Code]; 3] = [
    &[UnknownMemberId],
    &[IllegalGeneration],
    &[RequestTimedOut, RebalanceInProgress, UnknownMemberId, NotCoordinator, IllegalGeneration],
];

/// What came of refused commits.
struct Run {
    /// How often something was lost for that.
    losses: usize,
    /// How many records were handled again.
    again: usize,
    /// How long no commit was made.
    time: Duration,
}

/// Handles all records while commits are refused with these, one behind the other.
async fn refused(rig: Rig, codes: &[Code]) -> Run {
    let service = rig.start(OFTEN);
    rig.until_committed().await;
    let before = rig.mock.requests(OffsetCommit);
    rig.mock.refuse(OffsetCommit, codes);
    let start = Instant::now();
    rig.mock.until_requests(OffsetCommit, before + codes.len() + 1).await;
    let time = start.elapsed();
    rig.until_done().await;
    service.stop().await.unwrap();

    let (again, losses) = (rig.tally().again, rig.log().losses());
    println!(
        "F13 mock: {codes:?} fired {} times in {time:?}, {ALL} records, lost 0, again {again}, \
         partitions lost {losses} times",
        codes.len(),
    );
    Run { losses, again, time }
}

/// The same for each of these, side by side.
async fn each_refused(rig: impl AsyncFn() -> Rig, cases: &'static [&'static [Code]]) -> Vec<Run> {
    let run = async {
        let mut runs = JoinSet::new();
        for codes in cases {
            runs.spawn_local(refused(rig().await, codes));
        }
        runs.join_all().await
    };
    LocalSet::new().run_until(run).await
}

#[tokio::test]
async fn a_commit_that_is_refused_for_now_is_made_again_and_repeats_nothing() {
    for run in each_refused(async || Rig::new(1).await, &FOR_NOW).await {
        assert_eq!((run.losses, run.again), (0, 0));
    }
}

#[tokio::test]
async fn a_commit_that_is_refused_for_good_gives_up_what_is_held_and_repeats_what_was_not_committed()
 {
    for run in each_refused(Rig::with_short_sessions, &FOR_GOOD).await {
        assert!(run.losses > 0 && run.again > 0, "{} {}", run.losses, run.again);
    }
}

#[tokio::test]
async fn a_commit_whose_connection_breaks_is_made_again_before_the_session_could_end() {
    const BROKEN: [&[Code]; 3] = [&[BrokerTransportFailure]; 3];
    for run in each_refused(async || Rig::new(1).await, &BROKEN).await {
        assert_eq!((run.losses, run.again), (0, 0));
        // It goes round for ever so long if it is sent again before the coordinator is known.
        assert!(run.time < Duration::from_secs(5), "it took {:?}", run.time);
    }
}

#[tokio::test]
async fn a_commit_at_the_end_that_is_refused_for_now_is_made_again_until_it_is_taken() {
    let rig = Rig::new(1).await;
    let service = rig.start(NEVER);
    rig.until_calls(ALL).await;
    let codes =
        [RebalanceInProgress, CoordinatorLoadInProgress, RequestTimedOut, RebalanceInProgress];
    assert_eq!(rig.mock.requests(OffsetCommit), 0);
    rig.mock.refuse(OffsetCommit, &codes);

    service.stop().await.unwrap();

    rig.mock.until_requests(OffsetCommit, codes.len() + 1).await;
    let tally = rig.until_done().await;
    println!(
        "F13 mock: {codes:?} fired {} times at the end, {ALL} records, lost 0, again {}",
        codes.len(),
        tally.again
    );
    assert_eq!((tally.again, rig.log().losses()), (0, 0));
}

/// What is committed may never be answered.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_made_again_and_never_lower() {
    let rig = Rig::new(1).await;
    let service = rig.start(OFTEN);
    rig.until_committed().await;
    let broker = rig.mock.cluster();
    broker.broker_round_trip_time(1, Duration::from_secs(5)).unwrap();
    let before = rig.mock.requests(OffsetCommit);
    rig.mock.until_requests(OffsetCommit, before + 1).await;
    // The answer waits, and goes with its connection.
    broker.broker_down(1).unwrap();
    broker.broker_round_trip_time(1, Duration::ZERO).unwrap();
    broker.broker_up(1).unwrap();

    rig.until_twice().await;
    rig.until_done().await;
    service.stop().await.unwrap();

    let (again, losses) = (rig.tally().again, rig.log().losses());
    let twice = rig.log().twice();
    println!(
        "F14 mock: answer lost once, {twice} offsets committed twice, {ALL} records, lost 0, \
         again {again}, partitions lost {losses} times"
    );
    assert_eq!((again, losses), (0, 0));
}
