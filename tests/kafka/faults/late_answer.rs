use super::{own_broker::OwnBroker, service::until, view::View};
use crate::kit::{STUCK, kafka, topic, unique};
use milena_core::{
    TopicPartition,
    transport::{Consumer, Event, Membership, Transport as _},
};
use milena_rdkafka::Kafka;
use std::{
    future::poll_fn,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

static BROKEN_THREADS: AtomicUsize = AtomicUsize::new(0);

/// Counts panics of the driver's threads.
fn watch_threads() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        if thread.name().is_some_and(|name| name.starts_with("kafka-")) {
            BROKEN_THREADS.fetch_add(1, SeqCst);
        }
        before(info);
    }));
}

#[tokio::test]
async fn a_commit_that_is_answered_behind_the_end_breaks_nothing() {
    if kafka().is_none() {
        return;
    }
    watch_threads();
    let broker = OwnBroker::new();
    broker.up().await;
    let (kafka, view) = (Kafka::new(broker.address()), View::of(&broker.address()));
    let (topic, group) = (topic(&kafka, "late", 1).await, unique("late"));
    let membership = Membership::new(group.clone(), [topic.clone()]);
    let mut consumer = kafka.consumer(membership).await.unwrap();
    let Event::Assigned(partitions) = next(&mut *consumer).await else { panic!("not assigned") };
    consumer.assign(partitions.into_iter().map(|(at, _)| (at, None)).collect());

    broker.pause().await;
    consumer.commit(vec![(TopicPartition::new(topic.clone(), 0), 0)]);
    consumer.close(Duration::from_secs(1));
    while !matches!(next(&mut *consumer).await, Event::Closed) {}
    broker.resume().await;
    until("it is committed", async || view.committed(&group, &topic, 1).await == [Some(0)]).await;
    let behind = tokio::time::timeout(Duration::from_secs(3), next(&mut *consumer)).await;

    assert!(behind.is_err(), "{behind:?} came behind the end");
    assert_eq!(BROKEN_THREADS.load(SeqCst), 0);
}

async fn next(consumer: &mut dyn Consumer) -> Event {
    let event = tokio::time::timeout(STUCK, poll_fn(|cx| consumer.poll_event(cx))).await;
    event.expect("there is an event")
}
