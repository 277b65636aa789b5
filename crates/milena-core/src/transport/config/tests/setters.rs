use super::{SECOND, consumer, producer};
use crate::transport::{
    Acks, Assignment, Compression, GroupProtocol, IsolationLevel, Partitioner, Reset,
};
use std::time::Duration;

fn set<'a>(options: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    options.map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn each_method_for_a_client_sets_the_option_of_its_name() {
    let config = consumer()
        .client_id("me")
        .client_rack("here")
        .retry_backoff(2 * SECOND)
        .metadata_max_age(60 * SECOND)
        .connections_max_idle(Duration::ZERO)
        .api_version("auto")
        .request_timeout(40 * SECOND);

    config.validate().unwrap();
    assert_eq!(
        set(config.options()),
        [
            "client.id=me",
            "client.rack=here",
            "retry.backoff.ms=2000",
            "retry.backoff.max.ms=2000",
            "topic.metadata.refresh.interval.ms=60000",
            "connections.max.idle.ms=0",
            "socket.timeout.ms=40000",
        ]
    );
    let config = producer().client_id("me").client_rack("here").retry_backoff(SECOND / 2);
    let config = config.metadata_max_age(60 * SECOND).connections_max_idle(Duration::ZERO);
    config.validate().unwrap();
    assert_eq!(
        set(config.options()).join(" "),
        "client.id=me client.rack=here retry.backoff.ms=500 retry.backoff.max.ms=1000 \
         topic.metadata.refresh.interval.ms=60000 connections.max.idle.ms=0"
    );
}

#[test]
fn each_method_for_a_member_sets_the_option_of_its_name() {
    let config = consumer()
        .session_timeout(10 * SECOND)
        .heartbeat_interval(3 * SECOND)
        .max_poll_interval(20 * SECOND)
        .partition_assignment_strategy([Assignment::RoundRobin, Assignment::Range])
        .group_protocol(GroupProtocol::Classic)
        .instance_id("one")
        .enable_auto_commit(false)
        .auto_offset_reset(Reset::Latest);

    config.validate().unwrap();
    assert_eq!(
        set(config.options()),
        [
            "session.timeout.ms=10000",
            "heartbeat.interval.ms=3000",
            "max.poll.interval.ms=20000",
            "partition.assignment.strategy=roundrobin,range",
            "group.protocol=classic",
            "group.instance.id=one",
            "enable.auto.commit=false",
        ]
    );
    assert_eq!(config.reset(), Some(Reset::Latest));
}

#[test]
fn each_method_for_fetching_sets_the_option_of_its_name() {
    let config = consumer()
        .fetch_max_wait(Duration::from_micros(1500))
        .fetch_min_bytes(2)
        .fetch_max_bytes(50 << 20)
        .max_partition_fetch_bytes(1 << 20)
        .check_crcs(false)
        .isolation_level(IsolationLevel::ReadUncommitted)
        .exclude_internal_topics(false);

    config.validate().unwrap();
    assert_eq!(
        set(config.options()),
        [
            "fetch.wait.max.ms=2",
            "fetch.min.bytes=2",
            "fetch.max.bytes=52428800",
            "max.partition.fetch.bytes=1048576",
            "check.crcs=false",
            "isolation.level=read_uncommitted",
            "exclude.internal.topics=false",
        ]
    );
}

#[test]
fn each_method_of_a_producer_sets_the_option_of_its_name() {
    let config = producer()
        .linger(SECOND)
        .batch_size(2000)
        .max_request_size(3000)
        .compression(Compression::Lz4)
        .partitioner(Partitioner::Fnv1a)
        .buffer_memory(1025)
        .buffer_records(10)
        .acks(Acks::All)
        .enable_idempotence(true)
        .max_in_flight(1)
        .request_timeout(40 * SECOND)
        .transaction_timeout(SECOND)
        .api_version("auto");

    config.validate().unwrap();
    assert_eq!(
        set(config.options()),
        [
            "linger.ms=1000",
            "batch.size=2000",
            "message.max.bytes=3000",
            "compression.type=lz4",
            "partitioner=fnv1a",
            "queue.buffering.max.kbytes=2",
            "queue.buffering.max.messages=10",
            "acks=all",
            "enable.idempotence=true",
            "max.in.flight=1",
            "request.timeout.ms=40000",
            "socket.timeout.ms=40000",
            "transaction.timeout.ms=1000",
        ]
    );
}

#[test]
fn the_later_of_two_values_counts_whatever_it_was_set_by() {
    let first = consumer().session_timeout(9 * SECOND).auto_offset_reset(Reset::Latest);
    let both = first.clone().and(&consumer().set("session.timeout.ms", "8000"));

    assert_eq!(both.get("session.timeout.ms"), Some("8000"));
    assert_eq!(both.reset(), Some(Reset::Latest));
    assert_eq!(both.resolved()["session.timeout.ms"], "8000");
    let linger = producer().linger(SECOND).set("queue.buffering.max.ms", "7");
    assert_eq!(linger.get("linger.ms"), Some("7"));
    assert_eq!(linger.resolved()["queue.buffering.max.ms"], "7");
    assert!(!linger.resolved().contains_key("linger.ms"));
}

#[test]
fn a_client_has_the_defaults_and_not_what_is_milenas_own() {
    let config = consumer().exclude_internal_topics(false);
    let resolved = config.resolved();

    assert_eq!(resolved["isolation.level"], "read_committed");
    assert_eq!(resolved["partition.assignment.strategy"], "cooperative-sticky");
    assert_eq!(resolved["check.crcs"], "true");
    assert_eq!(producer().resolved()["partitioner"], "murmur2_random");
    assert!(!resolved.contains_key("exclude.internal.topics"));
}

#[test]
fn secrets_are_not_shown() {
    let config = consumer().set("sasl.username", "ada").set("sasl.password", "lovelace");
    let shown = format!("{config:?}");

    assert!(shown.contains("ada") && !shown.contains("lovelace"), "{shown}");
}
