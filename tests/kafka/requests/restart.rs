//! The broker is killed and comes back; who asks and who answers go on.

use super::{Running, asker, double};
use crate::{
    faults::own_broker::OwnBroker,
    kit::{STUCK, kafka, topic, unique},
};
use milena::{Router, each, error::ErrorKind};
use milena_rdkafka::Kafka;
use std::time::{Duration, Instant};

/// How long a request waits: shorter than the broker is away.
const SHORT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_go_on_when_the_broker_comes_back() {
    if kafka().is_none() {
        return;
    }
    let broker = OwnBroker::new();
    broker.up().await;
    let kafka = Kafka::new(broker.address());
    let (questions, answers) =
        (topic(&kafka, "questions", 1).await, topic(&kafka, "answers", 1).await);
    let router =
        Router::new(unique("answering")).subscribe(questions.clone(), each(double).answer());
    let answering = Running::start(&kafka, router);
    let (asking, publisher) = asker(&kafka, &questions, &answers).await;
    assert_eq!(publisher.request::<String>("1", STUCK).await.unwrap(), "2");

    broker.kill().await;
    let away = publisher.request::<String>("2", SHORT).await.unwrap_err();
    let long = publisher.clone();
    let patient = tokio::spawn(async move { long.request::<String>("3", STUCK).await });
    broker.start().await;

    assert_eq!(away.kind(), ErrorKind::TimedOut);
    assert_eq!(patient.await.unwrap().unwrap(), "6", "asked while the broker was away");
    let start = Instant::now();
    while publisher.request::<String>("4", SHORT).await.is_err() {
        assert!(start.elapsed() < STUCK, "requests do not go on");
    }
    asking.stop().await;
    answering.stop().await;
}
