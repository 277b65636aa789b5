//! A service with nothing to do, and one that can do nothing, leave the core to others.

use super::{
    child::{Process, orders, run},
    service::{valued, write},
};
use crate::kit::{kafka, topic, unique};
use milena::{Record, Router, each};
use milena_rdkafka::Kafka;
use std::time::{Duration, Instant};

const PARTITIONS: i32 = 6;
/// What waits in each partition of the service that is blocked.
const BACKLOG: usize = 5_000;

/// How long it is looked at: `MILENA_ACCEPTANCE=1` is longer.
fn length() -> Duration {
    let long = std::env::var_os("MILENA_ACCEPTANCE").is_some_and(|value| value == "1");
    Duration::from_secs(if long { 30 } else { 5 })
}

async fn block(record: Record) {
    println!("called {}/{}", record.partition(), record.offset());
    std::future::pending::<()>().await;
}

#[test]
fn a_service_is_blocked_when_it_is_asked_to() {
    let Some(orders) = orders() else { return };
    let router = Router::new(&*orders["group"])
        .subscribe(&*orders["topic"], each(block))
        .drain_timeout(Duration::from_secs(1));
    run(Kafka::from_env().unwrap(), router, async |_| {});
}

#[tokio::test]
async fn a_service_that_is_idle_or_blocked_costs_next_to_nothing() {
    let Some(kafka) = kafka() else { return };
    let idle = topic(&kafka, "idle", PARTITIONS).await;
    let blocked = topic(&kafka, "blocked", PARTITIONS).await;
    for partition in 0..PARTITIONS {
        write(&kafka, valued(&blocked, partition, &["x"; BACKLOG])).await;
    }
    for (name, source, calls) in [("idle", idle, 0), ("blocked", blocked, 6)] {
        let group = unique(name);
        let orders = [("group", &*group), ("topic", &*source)];
        let test = "faults::idle::a_service_is_blocked_when_it_is_asked_to";
        let process = Process::start(test, &orders);
        process.says("assigned", 1).await;
        process.says("called ", calls).await;
        // What is read ahead is read by then.
        tokio::time::sleep(Duration::from_secs(3)).await;

        let (start, before) = (Instant::now(), process.cpu());
        tokio::time::sleep(length()).await;
        let (took, busy) = (start.elapsed(), process.cpu() - before);
        let share = 100.0 * busy.as_secs_f64() / took.as_secs_f64();
        println!("{name}: {share:.1} % of a core, {busy:?} in {took:.1?}");

        assert!(share < 5.0, "{name}: {share}");
        assert_eq!(process.said("called ").len(), calls, "{name}");
        let end = process.terminate().await;
        assert_eq!(end.code, Some(i32::from(calls > 0)), "{name}: {:#?}", end.lines);
    }
}
