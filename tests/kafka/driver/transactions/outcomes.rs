//! What goes wrong in a transaction, and what can be done behind it.

use super::{Rig, publish, session};
use crate::{
    faults::{own_broker::OwnBroker, view::View},
    kit::{kafka, topic, unique},
};
use milena_core::{
    ProducerRecord,
    error::ErrorKind,
    transport::{ProducerConfig, Transport as _},
};
use milena_rdkafka::Kafka;
use std::time::Duration;

#[tokio::test]
async fn a_record_for_an_unknown_topic_aborts_its_transaction_and_the_next_one_works() {
    let Some(rig) = Rig::new("unknown").await else { return };
    let session = rig.kafka.transactions(rig.id.clone(), Duration::from_secs(4)).await.unwrap();

    session.begin().await.unwrap();
    publish(&session, &rig.output, "never").await.unwrap();
    let told = publish(&session, &unique("nowhere"), "lost").await.unwrap_err();
    let commit = session.commit().await.unwrap_err();
    let late = publish(&session, &rig.output, "late").await.unwrap_err();
    session.abort().await.unwrap();
    session.begin().await.unwrap();
    publish(&session, &rig.output, "seen").await.unwrap();
    session.commit().await.unwrap();
    println!("{told}\n{commit}\n{late}");

    assert_eq!(told.kind(), ErrorKind::UnknownTopic);
    assert_eq!(commit.kind(), ErrorKind::Aborted);
    assert_eq!(late.kind(), ErrorKind::Aborted);
    assert_eq!(rig.published().await, ["seen"]);
}

#[tokio::test]
async fn a_record_that_is_refused_at_once_aborts_its_transaction_too() {
    let Some(kafka) = kafka() else { return };
    let kafka = kafka.producer_config(ProducerConfig::new().set("message.max.bytes", "2000"));
    let (topic, id) = (topic(&kafka, "large", 1).await, unique("large"));
    let session = session(&kafka, &id).await;

    session.begin().await.unwrap();
    publish(&session, &topic, "never").await.unwrap();
    let told = publish(&session, &topic, &"x".repeat(5_000)).await.unwrap_err();
    let commit = session.commit().await.unwrap_err();
    session.abort().await.unwrap();
    session.begin().await.unwrap();
    publish(&session, &topic, "seen").await.unwrap();
    session.commit().await.unwrap();

    assert_eq!(told.kind(), ErrorKind::TooLarge);
    let message = format!("could not commit a transaction of `{id}`: a record of it was refused");
    assert_eq!((commit.kind(), commit.to_string()), (ErrorKind::Aborted, message));
    assert_eq!(View::shared().values(&topic).await, ["seen"]);
}

#[tokio::test]
async fn without_an_open_transaction_nothing_can_be_published_sent_or_committed() {
    let Some(mut rig) = Rig::new("none").await else { return };
    let session = session(&rig.kafka, &rig.id).await;

    let metadata = rig.metadata().await;
    let published = publish(&session, &rig.output, "never").await.unwrap_err();
    let sent = session.send_offsets(Vec::new(), metadata).await.unwrap_err();
    let commit = session.commit().await.unwrap_err();
    session.begin().await.unwrap();
    let begun = session.begin().await.unwrap_err();
    // What was refused before is no part of this one.
    session.commit().await.unwrap();

    let message = format!("could not publish to topic `{}`: no transaction is open", rig.output);
    assert_eq!((published.kind(), published.to_string()), (ErrorKind::Publish, message));
    for (error, what) in [(&sent, "no transaction is open"), (&commit, "no transaction is open")] {
        assert!(error.to_string().ends_with(what), "{error}");
        assert!(error.to_string().contains(&*rig.id), "{error}");
    }
    assert!(begun.to_string().ends_with("one is open already"), "{begun}");
}

#[tokio::test]
async fn timeouts_that_cannot_be_are_refused() {
    let Some(kafka) = kafka() else { return };
    let id = unique("timeouts");

    let short = kafka.transactions(id.clone(), Duration::from_millis(999)).await.unwrap_err();
    let long = kafka.transactions(id.clone(), Duration::from_secs(3600)).await.unwrap_err();
    let nameless = kafka.transactions("".into(), Duration::from_secs(9)).await.unwrap_err();
    println!("{short}\n{long}\n{nameless}");

    for error in [&short, &long, &nameless] {
        assert_eq!(error.kind(), ErrorKind::Config);
    }
    assert!(long.to_string().contains("`transaction.max.timeout.ms` is less than 3600s"), "{long}");
}

#[tokio::test]
async fn no_session_begins_without_a_broker() {
    let kafka = Kafka::new("localhost:1");

    let error = kafka.transactions("id".into(), Duration::from_secs(1)).await.unwrap_err();

    let message = "could not begin transactions as `id`: no broker answered within 1s";
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Unreachable, message));
}

#[tokio::test]
async fn of_a_broker_that_falls_silent_the_next_session_learns_what_was_committed() {
    if kafka().is_none() {
        return;
    }
    let broker = OwnBroker::new();
    broker.up().await;
    let (kafka, view) = (Kafka::new(broker.address()), View::of(&broker.address()));
    let (topic, id) = (topic(&kafka, "silent", 1).await, unique("silent"));
    let timeout = Duration::from_secs(4);
    let session = kafka.transactions(id.clone(), timeout).await.unwrap();

    session.begin().await.unwrap();
    publish(&session, &topic, "unknown").await.unwrap();
    broker.pause().await;
    let commit = session.commit().await.unwrap_err();
    drop(session);
    broker.resume().await;
    let next = kafka.transactions(id, 5 * timeout).await.unwrap();
    let known = view.values(&topic).await;
    next.begin().await.unwrap();
    publish(&next, &topic, "known").await.unwrap();
    next.commit().await.unwrap();
    let later = view.values(&topic).await;
    println!("{commit}, then {known:?}, then {later:?}");

    assert_eq!(commit.kind(), ErrorKind::TimedOut);
    assert_eq!(later, [known, vec!["known".to_owned()]].concat());
}

#[tokio::test]
async fn what_cannot_be_written_in_time_aborts_its_transaction() {
    if kafka().is_none() {
        return;
    }
    let broker = OwnBroker::new();
    broker.up().await;
    let kafka = Kafka::new(broker.address());
    let (topic, id) = (topic(&kafka, "stuck", 1).await, unique("stuck"));
    let session = kafka.transactions(id, Duration::from_secs(4)).await.unwrap();

    session.begin().await.unwrap();
    publish(&session, &topic, "first").await.unwrap();
    broker.pause().await;
    let record = ProducerRecord::new(topic.clone()).value("stuck");
    let producer = session.producer().clone();
    let sent = tokio::spawn(async move { producer.send_all(vec![record]).await });
    // Before the commit has begun to wait, the record is handed over.
    tokio::task::yield_now().await;
    let commit = session.commit().await.unwrap_err();
    let sent = sent.await.unwrap().unwrap_err();
    broker.resume().await;
    let abort = session.abort().await;
    println!("{commit}, {sent}, {abort:?}");

    assert_eq!(sent.kind(), ErrorKind::TimedOut);
    assert_eq!(commit.kind(), ErrorKind::Aborted);
    assert_eq!(View::of(&broker.address()).values(&topic).await, Vec::<String>::new());
}
