use crate::{
    driver::member::Member,
    kit::{self, kafka, unique},
};
use milena_core::{
    TopicPartition,
    error::ErrorKind,
    transport::{Assignment, ConsumerConfig, IsolationLevel, Membership, Reset, Transport as _},
};
use milena_rdkafka::Kafka;
use std::time::Duration;

/// The offsets that a consumer with this configuration reads, when the last of them has come.
async fn read(kafka: &Kafka, topic: &std::sync::Arc<str>, last: i64) -> Vec<i64> {
    let mut member = Member::join(kafka, &unique("config"), &[topic]).await;
    member.until(|it| it.read.iter().any(|(_, offset)| *offset == last)).await;
    member.read.into_iter().map(|(_, offset)| offset).collect()
}

#[tokio::test]
async fn what_a_transaction_took_back_is_read_only_by_who_asks_for_it() {
    let Some(kafka) = kafka() else { return };
    let topic = kit::topic(&kafka, "isolation", 1).await;
    let place = TopicPartition::new(topic.clone(), 0);
    kit::fill(&kafka, &topic, 1, 0..1).await;
    // A record at 1, and at 2 the marker that takes it back.
    tokio::task::spawn_blocking(move || crate::conformance::hole(&place)).await.unwrap();
    kit::fill(&kafka, &topic, 1, 3..4).await;

    let all = ConsumerConfig::new().isolation_level(IsolationLevel::ReadUncommitted);
    let all = read(&kafka.clone().consumer_config(all), &topic, 3).await;
    let committed = read(&kafka, &topic, 3).await;

    assert_eq!((all, committed), (vec![0, 1, 3], vec![0, 3]));
}

#[tokio::test]
async fn members_share_no_strategy_and_the_second_cannot_join() {
    let Some(kafka) = kafka() else { return };
    let topic = kit::topic(&kafka, "strategies", 2).await;
    let group = unique("strategies");
    let with = |strategy| {
        let config = ConsumerConfig::new().partition_assignment_strategy([strategy]);
        kafka.clone().consumer_config(config)
    };
    let mut first = Member::join(&with(Assignment::Range), &group, &[&topic]).await;
    first.until(|it| it.owned.len() == 2).await;

    let mut second = Member::join(&with(Assignment::RoundRobin), &group, &[&topic]).await;
    let event = second.event().await;

    assert!(
        format!("{event:?}").to_lowercase().contains("protocol"),
        "the second member was told otherwise: {event:?}"
    );
    assert_eq!(first.owned.len(), 2);
}

#[tokio::test]
async fn options_of_a_membership_and_of_its_cluster_are_checked_together() {
    let kafka = Kafka::new("localhost:1").session_timeout(Duration::from_secs(6));
    let config = ConsumerConfig::new().heartbeat_interval(Duration::from_secs(7));
    config.validate().unwrap();
    let membership = Membership { config, ..Membership::new("group", ["topic"]) };

    let error = kafka.consumer(membership).await.map(drop).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Config);
    let message = "could not use option `heartbeat.interval.ms`: 7000 is not lower than \
                   `session.timeout.ms`, which is 6000";
    assert_eq!(error.to_string(), message);
}

#[tokio::test]
async fn the_reset_policy_of_a_cluster_is_refused_because_groups_have_their_own() {
    let latest = ConsumerConfig::new().auto_offset_reset(Reset::Latest);
    let kafka = Kafka::new("localhost:1").consumer_config(latest);

    let error = kafka.consumer(Membership::new("group", ["topic"])).await.map(drop).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("`Router::consumer`"), "{error}");
}

#[tokio::test]
async fn every_option_that_is_taken_can_be_used_with_all_others() {
    let Some(kafka) = kafka() else { return };
    let topic = kit::topic(&kafka, "every-option", 1).await;
    kit::fill(&kafka, &topic, 1, 0..1).await;
    let (second, id) = (Duration::from_secs(1), unique("every-option"));
    let config = ConsumerConfig::new()
        .client_id("every-option")
        .client_rack("here")
        .retry_backoff(Duration::from_millis(50))
        .metadata_max_age(60 * second)
        .connections_max_idle(540 * second)
        .request_timeout(40 * second)
        .api_version("auto")
        .session_timeout(10 * second)
        .heartbeat_interval(3 * second)
        .max_poll_interval(60 * second)
        .partition_assignment_strategy([Assignment::RoundRobin, Assignment::Range])
        .instance_id(&*id)
        .enable_auto_commit(false)
        .fetch_max_wait(Duration::from_millis(100))
        .fetch_min_bytes(1)
        .fetch_max_bytes(50 << 20)
        .max_partition_fetch_bytes(1 << 20)
        .check_crcs(true)
        .isolation_level(IsolationLevel::ReadCommitted)
        .exclude_internal_topics(false);

    assert_eq!(read(&kafka.consumer_config(config), &topic, 0).await, [0]);
}

#[tokio::test]
async fn an_option_that_the_broker_decides_cannot_be_set_beside_its_protocol() {
    let kafka = Kafka::new("localhost:1")
        .group_protocol(milena_rdkafka::GroupProtocol::Consumer)
        .session_timeout(Duration::from_secs(6));

    let error = kafka.consumer(Membership::new("group", ["topic"])).await.map(drop).unwrap_err();

    let named = ["`session.timeout.ms`", "`group.protocol=consumer`"];
    assert!(named.iter().all(|name| error.to_string().contains(name)), "{error}");
}
