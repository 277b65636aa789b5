use super::{SECOND, consumer, producer};
use crate::{
    error::{Error, ErrorKind},
    transport::{Acks, Assignment, GroupProtocol},
};
use std::time::Duration;

/// The configuration is refused, and the message names all of this.
#[track_caller]
fn check_refused(result: Result<(), Error>, named: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let message = error.to_string();
    assert!(message.starts_with(&format!("could not use option `{}`: ", named[0])), "{message}");
    for name in named {
        assert!(message.contains(name), "{message} does not name `{name}`");
    }
}

#[test]
fn what_has_no_equivalent_is_refused_with_what_to_use() {
    let consumers = [
        (consumer().rebalance_timeout(SECOND), ["rebalance_timeout", "max_poll_interval"]),
        (consumer().rebalance_timeout(SECOND), ["rebalance_timeout", "Router::drain_timeout"]),
        (consumer().consumer_timeout(SECOND), ["consumer_timeout", "fetch_max_wait"]),
        (consumer().max_poll_records(500), ["max_poll_records", "batch(..).max_records"]),
        (consumer().enable_auto_commit(true), ["enable.auto.commit", "AckPolicy::OnReceive"]),
        (consumer().auto_commit_interval(SECOND), ["auto_commit_interval", "commit_interval"]),
        (consumer().api_version("0.10"), ["api_version", "leave it out"]),
    ];
    let producers = [
        (producer().acks(Acks::Leader), ["acks", "all replicas"]),
        (producer().acks(Acks::None), ["acks", "all replicas"]),
        (producer().enable_idempotence(false), ["enable.idempotence", "twice"]),
        (producer().retries(3), ["retries", "bound the time"]),
        (producer().send_backoff(SECOND), ["send_backoff", "retry_backoff"]),
        (producer().transactional_id("t"), ["transactional_id", "runtime"]),
        (producer().api_version("0.10"), ["api_version", "leave it out"]),
    ];

    for (config, named) in consumers {
        check_refused(config.validate(), &named);
    }
    for (config, named) in producers {
        check_refused(config.validate(), &named);
    }
}

#[test]
fn options_that_do_not_go_together_are_all_named() {
    let (session, heartbeat) = ("session.timeout.ms", "heartbeat.interval.ms");
    let by_broker = || consumer().group_protocol(GroupProtocol::Consumer);
    let cases = [
        (consumer().heartbeat_interval(60 * SECOND), vec![heartbeat, session, "45000 by default"]),
        (
            consumer().heartbeat_interval(SECOND).session_timeout(SECOND),
            vec![heartbeat, session, "1000 is not lower than"],
        ),
        (consumer().session_timeout(301 * SECOND), vec![session, "max.poll.interval.ms"]),
        (consumer().max_poll_interval(SECOND), vec![session, "max.poll.interval.ms"]),
        (consumer().fetch_min_bytes(10 << 20), vec!["fetch.min.bytes", "fetch.max.bytes"]),
        (
            consumer().fetch_max_bytes(2 << 20).max_partition_fetch_bytes(3 << 20),
            vec!["max.partition.fetch.bytes", "fetch.max.bytes"],
        ),
        (consumer().fetch_max_bytes(1000), vec!["message.max.bytes", "fetch.max.bytes"]),
        (
            consumer().fetch_max_wait(60 * SECOND),
            vec!["fetch.wait.max.ms", "socket.timeout.ms", "60000 by default"],
        ),
        (by_broker().session_timeout(SECOND), vec![session, "group.protocol=consumer"]),
        (by_broker().heartbeat_interval(SECOND), vec![heartbeat, "group.protocol=consumer"]),
        (
            by_broker().partition_assignment_strategy([Assignment::Range]),
            vec!["partition.assignment.strategy", "group.protocol=consumer"],
        ),
        (
            consumer()
                .partition_assignment_strategy([Assignment::CooperativeSticky, Assignment::Range]),
            vec!["partition.assignment.strategy", "`cooperative-sticky,range`"],
        ),
    ];

    for (config, named) in cases {
        check_refused(config.validate(), &named);
    }
    let batch = producer().batch_size(2000).max_request_size(1000);
    check_refused(batch.validate(), &["batch.size", "message.max.bytes"]);
    by_broker().max_poll_interval(SECOND).validate().unwrap();
}

#[test]
fn a_value_out_of_range_is_refused() {
    let range = "is not from";
    let cases = [
        (consumer().fetch_max_wait(301 * SECOND), ["fetch.wait.max.ms", range]),
        (consumer().session_timeout(Duration::MAX), ["session.timeout.ms", range]),
        (consumer().session_timeout(Duration::ZERO), ["session.timeout.ms", "0 is not from 1"]),
        (consumer().fetch_min_bytes(0), ["fetch.min.bytes", range]),
        (consumer().set("session.timeout.ms", "soon"), ["session.timeout.ms", "not a number"]),
        (consumer().client_id(""), ["client.id", "empty"]),
        (consumer().instance_id(""), ["group.instance.id", "empty"]),
        (
            consumer().partition_assignment_strategy([]),
            ["partition.assignment.strategy", "it is empty"],
        ),
        (consumer().set("exclude.internal.topics", "no"), ["exclude.internal.topics", "neither"]),
    ];

    for (config, named) in cases {
        check_refused(config.validate(), &named);
    }
    check_refused(producer().max_in_flight(6).validate(), &["max.in.flight", range]);
    check_refused(producer().buffer_memory(0).validate(), &["queue.buffering.max.kbytes", range]);
}

#[test]
fn what_guarantees_stand_on_cannot_be_set_by_any_name() {
    for (option, value) in [
        ("enable.auto.commit", "true"),
        ("auto.commit.enable", "t"),
        ("auto.offset.reset", "latest"),
        ("group.id", "other"),
        ("bootstrap.servers", "other:9092"),
        ("acks", "1"),
        ("request.required.acks", "0"),
        ("delivery.timeout.ms", "1000"),
        ("transactional.id", "mine"),
        ("max.poll.records", "1"),
    ] {
        check_refused(consumer().set(option, value).validate(), &[option]);
        check_refused(producer().set(option, value).validate(), &[option]);
    }
    producer().set("acks", "-1").set("enable.idempotence", "true").validate().unwrap();
    let reset = consumer().set("auto.offset.reset", "latest").validate();
    check_refused(reset, &["auto.offset.reset", "ConsumerConfig::auto_offset_reset"]);
}
