use super::member::Member;
use crate::{
    faults::own_broker::OwnBroker,
    kit::{fill, kafka, topic},
};
use milena_core::transport::Fetch;
use milena_rdkafka::Kafka;
use std::time::Duration;

/// What is told next.
async fn told(member: &mut Member) -> Vec<Fetch> {
    member.fetches.clear();
    member.until(|member| !member.fetches.is_empty()).await;
    member.fetches.clone()
}

#[tokio::test]
async fn a_broker_that_is_silent_is_asked_and_does_not_answer() {
    if kafka().is_none() {
        return;
    }
    let broker = OwnBroker::new();
    broker.up().await;
    let kafka = Kafka::new(broker.address()).set("statistics.interval.ms", "1000");
    let topic = topic(&kafka, "silent", 2).await;
    fill(&kafka, &topic, 2, 0..5).await;
    let mut member = Member::join(&kafka, "silent", &[&topic]).await;
    member.until(|member| member.read.len() == 10).await;
    told(&mut member).await;

    let healthy = told(&mut member).await;
    broker.pause().await;
    for _ in 0..5 {
        told(&mut member).await;
    }
    let silent = told(&mut member).await;
    broker.resume().await;
    let soon = Duration::from_secs(2);
    let answers = |fetch: &Fetch| fetch.answered.is_some_and(|answered| answered < soon);
    member.until(|member| !member.fetches.is_empty() && member.fetches.iter().all(answers)).await;
    let again = told(&mut member).await;
    println!("{healthy:?}\n{silent:?}\n{again:?}");

    for fetch in healthy.iter().chain(&again) {
        assert!(fetch.asked.unwrap() < soon && fetch.answered.unwrap() < soon, "{fetch:?}");
        assert_eq!(fetch.end, Some(5));
    }
    for fetch in &silent {
        assert!(fetch.asked.unwrap() < soon, "{fetch:?}");
        assert!(fetch.answered.unwrap() > Duration::from_secs(4), "{fetch:?}");
        assert_eq!(member.owned[&super::member::key(&fetch.partition)].0, fetch.epoch);
    }
    assert_eq!((healthy.len(), silent.len()), (2, 2));
}
