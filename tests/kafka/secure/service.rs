//! Services that are let in, and services that are not.

use super::cluster::topic;
use milena::{App, Error, Kafka, Router, State, each, error::ErrorKind, serve::Failure};
use milena_core::{
    ProducerRecord,
    transport::{Event, Membership, Transport as _},
};
use std::time::Duration;
use tokio::{sync::mpsc::UnboundedSender, time::timeout};

/// Nothing in a test takes longer unless it is stuck.
pub(crate) const STUCK: Duration = Duration::from_secs(60);

async fn take(State(heard): State<UnboundedSender<String>>, text: String) {
    let _ = heard.send(text);
}

/// The cluster lets a service read and write.
pub(crate) async fn accepted(kafka: Kafka) {
    let topic = topic("accepted").await;
    let producer = kafka.producer().await.unwrap();
    let records = (0..10).map(|n| ProducerRecord::new(topic.clone()).value(n.to_string()));
    timeout(STUCK, producer.send_all(records.collect())).await.unwrap().unwrap();
    let (hear, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let router = Router::new(topic.to_string()).subscribe(&*topic, each(take)).with_state(hear);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = milena::serve(kafka.stop_when_unauthorized(true), router);
    let service = tokio::spawn(service.with_shutdown(async { drop(stopped.await) }).into_future());
    for n in 0..10 {
        let text = timeout(STUCK, heard.recv()).await.unwrap();
        let Some(text) = text else {
            panic!("the service ended: {:?}", service.await.unwrap());
        };
        assert_eq!(text, n.to_string());
    }
    stop.send(()).unwrap();
    timeout(STUCK, service).await.unwrap().unwrap().unwrap();
}

/// The cluster does not; what comes back is why.
pub(crate) async fn refused(kafka: Kafka) -> Error {
    let (hear, _heard) = tokio::sync::mpsc::unbounded_channel();
    let router = Router::new("refused").subscribe("refused", each(take)).with_state(hear);
    let service = milena::serve(kafka.stop_when_unauthorized(true), router);
    timeout(STUCK, service.into_future()).await.expect("it goes on trying").unwrap_err()
}

/// Nor does it one that only publishes; what comes back is why.
pub(crate) async fn refused_to_publish(kafka: Kafka) -> Failure {
    let mut app = App::new("Refused", "1.0.0").cluster("eu", kafka.stop_when_unauthorized(true));
    let publisher = app.publisher("refused");
    let app = app.background("publish", async move |_| publisher.send("x").await.map(drop));
    timeout(STUCK, app.serve().into_future()).await.expect("it goes on trying").unwrap_err()
}

/// No client can be made; what comes back is why.
pub(crate) async fn refused_at_once(kafka: Kafka) -> Error {
    let consumer = kafka.consumer(membership()).await.map(drop).unwrap_err();
    let producer = kafka.producer().await.map(drop).unwrap_err();
    let topics = kafka.describe_topics(vec!["refused".into()]).await.map(drop).unwrap_err();
    assert_eq!(consumer.to_string(), producer.to_string());
    assert_eq!(consumer.to_string(), topics.to_string());
    consumer
}

/// Of a group that reads a topic that is not there.
pub(crate) fn membership() -> Membership {
    Membership::new("refused", ["refused"])
}

/// Nobody who describes topics is let in; what comes back is why.
pub(crate) async fn refused_topics(kafka: &Kafka) -> Error {
    let describe = kafka.describe_topics(vec!["refused".into()]);
    timeout(STUCK, describe).await.unwrap().unwrap_err()
}

/// What a consumer is told while it goes on trying, or at its end.
pub(crate) async fn trouble(kafka: Kafka) -> Error {
    let mut consumer = kafka.consumer(membership()).await.unwrap();
    loop {
        let event = std::future::poll_fn(|cx| consumer.poll_event(cx));
        match timeout(STUCK, event).await.unwrap() {
            Event::Trouble(error) => return error,
            Event::Failed(error) => panic!("it failed: {error}"),
            _ => {}
        }
    }
}

/// Both, printed.
pub(crate) async fn both(what: &str, right: Kafka, how: &str, wrong: Kafka) -> Error {
    accepted(right).await;
    let error = refused(wrong).await;
    println!("{what}: accepted; {how}: refused: {error}");
    error
}

#[track_caller]
pub(crate) fn check(error: &Error, kind: ErrorKind, named: &[&str]) {
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{message}");
    assert!(message.starts_with("could not "), "{message}");
    for name in named {
        assert!(message.contains(name), "`{name}` is not in: {message}");
    }
}
