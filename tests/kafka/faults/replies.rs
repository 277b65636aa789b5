use super::{
    service::{Calls, Service, until, valued, write},
    view::{View, text},
};
use crate::kit::{kafka, topic, unique};
use milena::{Key, Record, Retry, Router, State, each, error::ErrorKind, record::Partition};
use milena_core::{
    ProducerRecord,
    error::Error,
    transport::{Transport as _, partition_for},
};
use milena_rdkafka::Kafka;
use rdkafka::message::Message as _;
use std::{sync::Arc, time::Duration};

/// More than a topic takes that has this `max.message.bytes`.
const TOO_LARGE: usize = 5000;
const LIMIT: [(&str, &str); 1] = [("max.message.bytes", "1000")];

/// Answers in the record's own partition, as long as the record says.
async fn inflate(record: Record, State(calls): State<Calls>) -> (Partition, String) {
    calls.add(&record);
    let bytes = if record.value() == Some(b"large") { TOO_LARGE } else { 10 };
    (Partition(record.partition()), "x".repeat(bytes))
}

async fn check_too_large(kafka: &Kafka, replies: &Arc<str>) {
    let record = ProducerRecord::new(replies.clone()).value("x".repeat(TOO_LARGE));
    let refused = kafka.producer().await.unwrap().send_all(vec![record]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TooLarge, "{refused}");
}

#[tokio::test]
async fn a_reply_that_is_too_large_makes_a_dead_letter_of_its_record_without_another_call() {
    let Some(kafka) = kafka() else { return };
    let view = View::shared();
    let (source, dead) = (topic(&kafka, "inflate", 2).await, topic(&kafka, "dead", 1).await);
    let replies = view.topic("small", 2, &LIMIT).await;
    check_too_large(&kafka, &replies).await;
    write(&kafka, valued(&source, 0, &["1", "2"])).await;
    write(&kafka, valued(&source, 1, &["large"])).await;
    let (group, calls) = (unique("inflate"), Calls::default());
    let subscriber = each(inflate)
        .publish_to(replies.clone())
        .retry(Retry::fixed(3, Duration::from_millis(1)))
        .dead_letter(dead.clone());
    let router = Router::new(group.clone()).subscribe(source.clone(), subscriber);
    let service = Service::start(&kafka, router.with_state(calls.clone()));

    until("everything is committed", async || {
        view.committed(&group, &source, 2).await == [Some(2), Some(1)]
    })
    .await;
    service.stop().await.unwrap();

    assert_eq!((calls.of(0), calls.of(1)), (vec![0, 1], vec![0]));
    assert_eq!(view.values(&dead).await, ["large"]);
    let letter = &view.records(&dead).await[0];
    let why = super::view::headers(letter).pop().unwrap();
    assert_eq!(why.0, "milena-dead-letter-error");
    let why = text(why.1.as_deref());
    assert!(why.contains(&*replies) && why.contains("5000 bytes"), "{why}");
    assert_eq!(view.records(&replies).await.len(), 2);
}

#[tokio::test]
async fn a_reply_that_is_too_large_stops_a_service_without_dead_letters_before_its_record() {
    let Some(kafka) = kafka() else { return };
    let view = View::shared();
    let source = topic(&kafka, "inflate", 2).await;
    let replies = view.topic("small", 2, &LIMIT).await;
    check_too_large(&kafka, &replies).await;
    write(&kafka, valued(&source, 0, &["1", "2"])).await;

    let (ended, group, calls) = serve_until_large(&kafka, &view, &source, &replies).await;

    let error = ended.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Record);
    assert!(error.to_string().contains(&format!("record {source}/1/1 in 1 call")), "{error}");
    assert!(error.to_string().contains(&*replies), "{error}");
    assert_eq!(view.committed(&group, &source, 2).await, [Some(2), Some(1)]);
    assert_eq!(calls.of(1).iter().filter(|offset| **offset == 1).count(), 1);
}

/// Serves until all but the last records are done, and then gives it one that it cannot answer.
async fn serve_until_large(
    kafka: &Kafka,
    view: &View,
    source: &Arc<str>,
    replies: &Arc<str>,
) -> (Result<(), Error>, Arc<str>, Calls) {
    let (group, calls) = (unique("inflate"), Calls::default());
    let retry = Retry::fixed(3, Duration::from_millis(1));
    let subscriber = each(inflate).publish_to(replies.clone()).retry(retry);
    let router = Router::new(group.clone()).subscribe(source.clone(), subscriber);
    let service = Service::start(kafka, router.with_state(calls.clone()));
    write(kafka, valued(source, 1, &["3"])).await;
    until("the others are committed", async || {
        view.committed(&group, source, 2).await == [Some(2), Some(1)]
    })
    .await;
    write(kafka, valued(source, 1, &["large", "4", "5"])).await;
    (service.ended().await, group, calls)
}

#[tokio::test]
async fn a_reply_to_a_topic_that_does_not_exist_stops_the_service_and_names_it() {
    let Some(kafka) = kafka() else { return };
    let view = View::shared();
    let (source, replies) = (topic(&kafka, "orphan", 1).await, unique("nowhere"));
    let (group, calls) = (unique("orphan"), Calls::default());
    let subscriber = each(inflate).publish_to(replies.clone());
    let router = Router::new(group.clone()).subscribe(source.clone(), subscriber);
    let service = Service::start(&kafka, router.with_state(calls.clone()));
    write(&kafka, valued(&source, 0, &["1"])).await;

    let error = service.ended().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Record);
    let (record, topic) = (format!("record {source}/0/0"), format!("topic `{replies}`"));
    assert!(error.to_string().contains(&record), "{error}");
    assert!(error.to_string().contains(&topic), "{error}");
    assert_eq!(view.committed(&group, &source, 1).await, [None]);
    assert_eq!(calls.count(), 1);
}

#[tokio::test]
async fn a_reply_goes_where_java_puts_its_key_and_null_and_empty_keys_stay_so() {
    async fn copy(key: Option<Key<bytes::Bytes>>, value: String) -> Reply {
        (key, value)
    }
    let Some(kafka) = kafka() else { return };
    let view = View::shared();
    let (source, replies) = (topic(&kafka, "keys", 1).await, topic(&kafka, "copies", 7).await);
    let keys: Vec<Option<Vec<u8>>> = [None, Some(Vec::new())]
        .into_iter()
        .chain((0..50_u8).map(|n| Some((0..n).map(|byte| byte.wrapping_mul(37)).collect())))
        .collect();
    write(
        &kafka,
        keys.iter().enumerate().map(|(n, key)| keyed(&source, n, key.as_ref())).collect(),
    )
    .await;
    let subscriber = each(copy).publish_to(replies.clone());
    let router = Router::new(unique("keys")).subscribe(source.clone(), subscriber);
    let service = Service::start(&kafka, router);

    until("all are answered", async || view.records(&replies).await.len() == keys.len()).await;
    service.stop().await.unwrap();

    for reply in view.records(&replies).await {
        let key = &keys[text(reply.payload()).parse::<usize>().unwrap()];
        assert_eq!(reply.key(), key.as_deref());
        if let Some(key) = key {
            assert_eq!(reply.partition(), partition_for(key, 7), "{key:?}");
        }
    }
}

type Reply = (Option<Key<bytes::Bytes>>, String);

fn keyed(topic: &Arc<str>, number: usize, key: Option<&Vec<u8>>) -> ProducerRecord {
    let record = ProducerRecord::new(topic.clone()).partition(0).value(number.to_string());
    match key {
        Some(key) => record.key(key.clone()),
        None => record,
    }
}
