use super::service::Service;
use crate::kit::{kafka, unique};
use milena::{Router, each, error::ErrorKind, record::Record};
use milena_rdkafka::Kafka;
use std::time::{Duration, Instant};

async fn nothing(_: Record) {}

fn router() -> Router {
    Router::new("nobody").subscribe("nothing", each(nothing))
}

async fn check_refused(kafka: Kafka, name: &str) {
    let error = Service::start(&kafka, router()).ended().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains(name), "{error}");
}

#[tokio::test]
async fn an_address_that_is_none_is_named() {
    check_refused(Kafka::new("one two"), "`one two`").await;
    check_refused(Kafka::new("one:9092,two:port"), "`two:port`").await;

    let nobody = Kafka::from_url("kafka://").unwrap_err();
    let other = Kafka::from_url("http://one").unwrap_err();

    assert_eq!((nobody.kind(), other.kind()), (ErrorKind::Config, ErrorKind::Config));
    assert!(nobody.to_string().contains("address"), "{nobody}");
    assert!(other.to_string().contains("`http://one`"), "{other}");
}

#[tokio::test]
async fn an_option_that_cannot_be_used_is_named() {
    let kafka = || Kafka::new("localhost:9092");

    check_refused(kafka().set("no.such.option", "1"), "`no.such.option`").await;
    check_refused(kafka().set("session.timeout.ms", "soon"), "`session.timeout.ms`").await;
    check_refused(kafka().set("enable.auto.commit", "true"), "`enable.auto.commit`").await;
}

#[tokio::test]
async fn an_unknown_topic_ends_the_service_and_is_named() {
    let Some(kafka) = kafka() else { return };
    let topic = unique("unknown");
    let router = Router::new(unique("unknown")).subscribe(topic.clone(), each(nothing));
    let start = Instant::now();

    let error = Service::start(&kafka, router).ended().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::UnknownTopic, "{error}");
    assert!(error.to_string().contains(&*topic), "{error}");
    // It waited a while for somebody to create it.
    let took = start.elapsed();
    assert!((Duration::from_secs(8)..Duration::from_secs(25)).contains(&took), "{took:?}");
}
