use super::{
    super::service::Service,
    rig::{ALL, Rig},
};
use rdkafka::{
    mocking::MockCoordinator,
    types::{
        RDKafkaApiKey::{JoinGroup, OffsetCommit},
        RDKafkaErrorCode::NotCoordinator,
    },
};
use std::time::Duration;

const OFTEN: Duration = Duration::from_millis(50);

/// Three brokers, of which this one coordinates the group, and leads no partition.
async fn coordinated_by(broker: i32) -> Rig {
    let rig = Rig::new(3).await;
    for partition in 0..4 {
        rig.mock.cluster().partition_leader(&rig.source, partition, Some(3)).unwrap();
    }
    coordinate(&rig, broker);
    rig
}

fn coordinate(rig: &Rig, broker: i32) {
    rig.mock.cluster().coordinator(MockCoordinator::Group("group".into()), broker).unwrap();
}

async fn finish(rig: &Rig, service: Service, what: &str) -> usize {
    rig.until_done().await;
    service.stop().await.unwrap();
    let (again, losses) = (rig.tally().again, rig.log().losses());
    let by = |broker| rig.mock.requests_of(OffsetCommit, broker);
    println!(
        "F15 mock: {what}: {ALL} records, lost 0, again {again}, partitions lost {losses} times, commits by broker: {} {} {}",
        by(1),
        by(2),
        by(3),
    );
    again
}

#[tokio::test]
async fn a_coordinator_that_moves_between_commits_costs_nothing() {
    let mut rig = coordinated_by(1).await;
    rig.pace = Duration::from_millis(40);
    let service = rig.start(OFTEN);
    rig.until_committed().await;
    for broker in [2, 3, 1] {
        let before = rig.mock.requests_of(OffsetCommit, broker);
        coordinate(&rig, broker);
        // The mock does not say this by itself to commits, as a broker does.
        rig.mock.refuse(OffsetCommit, &[NotCoordinator]);
        rig.mock.until_requests_of(OffsetCommit, broker, before + 1).await;
    }

    let again = finish(&rig, service, "coordinator moved 3 times while commits were made").await;

    assert_eq!((again, rig.log().losses()), (0, 0));
}

#[tokio::test]
async fn a_coordinator_that_is_down_while_commits_are_made_costs_nothing_within_the_session() {
    let rig = coordinated_by(1).await;
    let service = rig.start(OFTEN);
    rig.until_committed().await;
    rig.mock.cluster().broker_down(1).unwrap();
    rig.until_calls(rig.log().calls() + 40).await;
    let before = rig.mock.requests(OffsetCommit);
    rig.mock.cluster().broker_up(1).unwrap();
    rig.mock.until_requests(OffsetCommit, before + 1).await;

    let again = finish(&rig, service, "coordinator down and up while commits were made").await;

    assert_eq!((again, rig.log().losses()), (0, 0));
}

#[tokio::test]
async fn a_coordinator_that_is_down_and_moves_while_commits_are_made_costs_nothing() {
    let rig = coordinated_by(1).await;
    let service = rig.start(OFTEN);
    rig.until_committed().await;
    rig.mock.cluster().broker_down(1).unwrap();
    rig.until_calls(rig.log().calls() + 40).await;
    coordinate(&rig, 2);
    rig.mock.until_requests_of(OffsetCommit, 2, 1).await;

    let again = finish(&rig, service, "coordinator down, and another took over").await;

    assert_eq!((again, rig.log().losses()), (0, 0));
}

#[tokio::test]
async fn a_coordinator_that_moves_or_is_down_while_a_service_joins_delays_it() {
    let mut rig = coordinated_by(1).await;
    // The mock waits for what began to join and went away until its session is over.
    rig.kafka = rig.kafka.session_timeout(Duration::from_secs(6));
    let service = rig.start(OFTEN);
    rig.mock.until_requests_of(JoinGroup, 1, 1).await;
    coordinate(&rig, 2);
    rig.mock.cluster().broker_down(1).unwrap();
    rig.mock.until_requests_of(JoinGroup, 2, 1).await;
    rig.mock.cluster().broker_down(2).unwrap();
    rig.mock.cluster().broker_up(1).unwrap();
    rig.mock.cluster().broker_up(2).unwrap();

    let again =
        finish(&rig, service, "coordinator moved once and was down twice during the join").await;

    assert_eq!(again, 0);
}
