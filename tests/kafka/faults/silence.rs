use super::{
    own_broker::OwnBroker,
    service::{Calls, Service, until, valued, write},
    view::View,
};
use crate::kit::{STUCK, kafka, topic, unique};
use milena::{Record, Router, State, each};
use milena_rdkafka::Kafka;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// What the documentation says of the steps of an end, together and generously.
const BOUND: Duration = Duration::from_secs(35);

async fn copy(record: Record, State(calls): State<Calls>) -> String {
    calls.add(&record);
    String::from_utf8(record.value().unwrap().to_vec()).unwrap()
}

fn router(group: &Arc<str>, source: &Arc<str>, copies: &Arc<str>, calls: &Calls) -> Router {
    Router::new(group.clone())
        .subscribe(source.clone(), each(copy).publish_to(copies.clone()))
        .commit_interval(Duration::from_secs(1000))
        .drain_timeout(Duration::from_secs(2))
        .with_state(calls.clone())
}

/// A service that has handled ten records and committed none of them.
async fn busy(kafka: &Kafka, group: &Arc<str>, source: &Arc<str>, copies: &Arc<str>) -> Service {
    let calls = Calls::default();
    let router = router(group, source, copies, &calls);
    let (service, control) = Service::start_with_control(kafka, router);
    until("all is handled", async || calls.count() == 10).await;
    assert_eq!(control.wait_empty(STUCK).await.unwrap(), 0, "all replies are at the broker");
    service
}

#[tokio::test]
async fn a_service_can_be_stopped_while_the_broker_is_silent_or_dead() {
    if kafka().is_none() {
        return;
    }
    let broker = OwnBroker::new();
    broker.up().await;
    let kafka = Kafka::new(broker.address()).session_timeout(Duration::from_secs(10));
    let view = View::of(&broker.address());
    let (source, copies) = (topic(&kafka, "s", 1).await, topic(&kafka, "copies", 1).await);
    let group = unique("silence");
    write(&kafka, valued(&source, 0, &["1"; 10])).await;

    let service = busy(&kafka, &group, &source, &copies).await;
    broker.pause().await;
    let start = Instant::now();
    let silent = (service.stop().await, start.elapsed());
    broker.resume().await;
    println!("{silent:?}, {:?}", view.committed(&group, &source, 1).await);

    let group = unique("silence");
    let service = busy(&kafka, &group, &source, &copies).await;
    broker.kill().await;
    let start = Instant::now();
    let dead = (service.stop().await, start.elapsed());
    broker.start().await;
    println!("{dead:?}, {:?}", view.committed(&group, &source, 1).await);

    assert!(silent.0.is_ok() && dead.0.is_ok(), "{silent:?} {dead:?}");
    assert!(silent.1 < BOUND && dead.1 < BOUND, "{silent:?} {dead:?}");
    // What was to be committed may still have arrived; what is new is handled in any case.
    write(&kafka, valued(&source, 0, &["2"])).await;
    let service = Service::start(&kafka, router(&group, &source, &copies, &Calls::default()));
    until("the new record is handled", async || {
        view.values(&copies).await.contains(&"2".to_owned())
    })
    .await;
    service.stop().await.unwrap();
    assert_eq!(view.committed(&group, &source, 1).await, [Some(11)]);
}
