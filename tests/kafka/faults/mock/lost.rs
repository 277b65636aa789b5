use super::{
    super::service::{Service, until},
    rig::{ALL, Rig},
};
use rdkafka::types::{
    RDKafkaApiKey::{Heartbeat, OffsetCommit},
    RDKafkaErrorCode::{self as Code, IllegalGeneration, UnknownMemberId},
};
use std::time::Duration;

const NEVER: Duration = Duration::from_secs(1000);

/// A service that has handled some records, of which none is committed.
async fn dirty(rig: &Rig) -> (Service, usize) {
    let service = rig.start(NEVER);
    rig.until_calls(ALL / 2).await;
    (service, rig.log().calls())
}

/// Waits until something is lost, and makes sure that nothing was to be committed for that.
async fn until_lost(rig: &Rig) {
    until("something is lost", async || rig.log().losses() > 0).await;
    assert_eq!(rig.mock.requests(OffsetCommit), 0, "nothing of what is lost is committed");
}

/// The group goes on without a member that has done much and committed nothing.
async fn forgotten(code: Code) {
    let rig = Rig::with_short_sessions().await;
    let (service, _) = dirty(&rig).await;
    rig.mock.refuse(Heartbeat, &[code]);
    until_lost(&rig).await;
    let lost = rig.log().calls();

    rig.until_calls(lost + ALL).await;
    assert_eq!(rig.mock.requests(OffsetCommit), 0);
    service.stop().await.unwrap();

    let (tally, losses) = (rig.until_done().await, rig.log().losses());
    println!(
        "F10 mock: heartbeat {code:?} fired 1 times, partitions lost {losses} times, {ALL} records, lost 0, again {}, \
         commits in between 0",
        tally.again
    );
    assert!(losses > 0 && tally.again >= lost, "{losses} {tally:?} {lost}");
}

#[tokio::test]
async fn what_a_forgotten_member_lost_is_not_committed_and_is_handled_again() {
    forgotten(UnknownMemberId).await;
}

#[tokio::test]
async fn what_a_member_of_an_old_generation_lost_is_not_committed_and_is_handled_again() {
    forgotten(IllegalGeneration).await;
}

#[tokio::test]
async fn what_is_lost_when_a_session_ends_is_not_committed_and_others_handle_it_again() {
    let rig = Rig::with_short_sessions().await;
    let (first, _) = dirty(&rig).await;
    // The broker itself is gone for the whole session, with all that it knows of the group.
    rig.mock.cluster().broker_down(1).unwrap();
    until_lost(&rig).await;
    let lost = rig.log().calls();
    rig.mock.cluster().broker_up(1).unwrap();
    let second = rig.start(NEVER);

    rig.until_calls(lost + ALL).await;
    first.stop().await.unwrap();
    second.stop().await.unwrap();

    let (tally, losses) = (rig.until_done().await, rig.log().losses());
    let expired = rig.log().said("session timed out");
    println!(
        "F10 mock: session ended {expired} times, partitions lost {losses} times, {ALL} records, lost 0, again {}",
        tally.again
    );
    assert!(tally.again >= lost && expired > 0, "{tally:?} {lost} {expired}");
}
