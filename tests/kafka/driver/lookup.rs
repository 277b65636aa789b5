use super::{cluster::delete_before, member::Member};
use crate::{
    faults::own_broker::OwnBroker,
    kit::{STUCK, fill, kafka, topic, unique},
};
use milena_core::{
    ProducerRecord, TopicPartition,
    error::ErrorKind,
    transport::{Event, Membership, Transport as _},
};
use milena_rdkafka::Kafka;
use std::time::{Duration, Instant};

#[tokio::test]
async fn offsets_are_looked_up() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "lookup", 3).await;
    let records =
        (0..10).map(|n| ProducerRecord::new(topic.clone()).partition(0).timestamp(n * 100 + 1));
    kafka.producer().await.unwrap().send_all(records.collect()).await.unwrap();
    fill(&kafka, &topic, 2, 0..5).await;
    delete_before(&topic, &[(1, 2)]).await;
    let mut member = Member::join(&kafka, &unique("lookup"), &[&topic]).await;
    let lookup = member.consumer.lookup();
    let at = |partition| TopicPartition::new(topic.clone(), partition);

    // It answers before the member has anything, and nothing is committed.
    let nothing = lookup.committed(vec![at(1), at(0)]).await.unwrap();
    let bounds = lookup.bounds(vec![at(1), at(0), at(2)]).await.unwrap();
    let times = lookup.at_time(vec![(at(0), 500), (at(0), 101), (at(2), 1)]).await.unwrap();
    member.until(|member| member.read.len() == 18).await;
    member.commit();
    member.until(|member| !member.is_committing()).await;
    let committed = lookup.committed(vec![at(2), at(1), at(0)]).await.unwrap();

    assert_eq!(nothing, [None, None]);
    assert_eq!(bounds, [2..5, 0..15, 0..0]);
    assert_eq!(times, [Some(5), Some(1), None]);
    assert_eq!(committed, [None, Some(5), Some(15)]);
    let unknown = lookup.bounds(vec![at(0), at(9)]).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::UnknownTopic);
    assert!(unknown.to_string().contains(&format!("`{topic}/9`")), "{unknown}");
    assert!(lookup.bounds(Vec::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lookup_is_answered_during_a_rebalance_and_refused_behind_the_end() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "during", 2).await;
    fill(&kafka, &topic, 2, 0..5).await;
    let group = unique("during");
    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.read.len() == 10).await;
    let lookup = one.consumer.lookup();
    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    let revoked = loop {
        match one.event().await {
            Event::Revoked(revoked, _) => break revoked,
            event => one.answer(event),
        }
    };

    // Nobody polls the consumer meanwhile.
    let during = lookup.bounds(revoked.clone()).await.unwrap();
    let committed = lookup.committed(revoked.clone()).await.unwrap();
    one.answer(Event::Revoked(revoked, Duration::ZERO));
    one.until(|one| one.owned.len() == 1).await;
    two.until(|two| two.owned.len() == 1).await;
    one.close(Duration::from_secs(10)).await;
    let late = lookup.bounds(vec![TopicPartition::new(topic, 0)]).await.unwrap_err();

    assert_eq!((&during[0], committed), (&(0..5), vec![None]));
    assert_eq!(late.kind(), ErrorKind::NotAssigned);
    assert!(late.to_string().ends_with(": the consumer has closed"), "{late}");
}

#[tokio::test]
async fn a_lookup_that_nobody_answers_ends() {
    if kafka().is_none() {
        return;
    }
    let broker = OwnBroker::new();
    broker.up().await;
    let kafka = Kafka::new(broker.address());
    let topic = topic(&kafka, "silent", 1).await;
    fill(&kafka, &topic, 1, 0..5).await;
    let mut member = Member::with(&kafka, Membership::new("silent", [topic.clone()])).await;
    member.until(|member| member.read.len() == 5).await;
    let lookup = member.consumer.lookup();
    let place = || vec![TopicPartition::new(topic.clone(), 0)];

    broker.pause().await;
    let start = Instant::now();
    let bounds = lookup.bounds(place()).await;
    let took = start.elapsed();
    let committed = lookup.committed(place()).await;
    broker.resume().await;
    println!("{bounds:?} after {took:?}, {committed:?} after {:?}", start.elapsed() - took);

    for error in [bounds.unwrap_err(), committed.unwrap_err()] {
        assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Unreachable), "{error:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    // A broker that was away for so long has to find itself again.
    let again = loop {
        assert!(start.elapsed() < STUCK, "it does not answer any more");
        if let Ok(bounds) = lookup.bounds(place()).await {
            break bounds;
        }
    };
    assert_eq!(again[0], 0..5);
}
