//! A log that loses its end, because a broker leads that had not followed.

use super::{
    service::{Calls, Service, until, valued, write},
    view::View,
};
use crate::{
    kit::{kafka, unique},
    quickstart::Broker,
};
use milena::{Record, Router, State, each};
use milena_rdkafka::Kafka;
use std::{sync::Arc, time::Duration};
use tokio::task::block_in_place;

async fn note(record: Record, State(calls): State<Calls>) {
    calls.add(&record);
}

fn router(group: &Arc<str>, source: &Arc<str>, calls: &Calls) -> Router {
    let router = Router::new(group.clone()).subscribe(source.clone(), each(note));
    router.commit_interval(Duration::from_millis(100)).with_state(calls.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_lost_its_end_is_read_again_and_committed_from_there() {
    if kafka().is_none() {
        return;
    }
    let broker = block_in_place(Broker::start_three).expect("there is a Kafka");
    let (kafka, view) = (Kafka::new(&*broker.address), View::of(&broker.address));
    let settings = [("min.insync.replicas", "1"), ("unclean.leader.election.enable", "true")];
    let source = view.topic_on("truncated", &[1, 2], &settings).await;
    let (group, calls) = (unique("truncated"), Calls::default());
    let committed = async |offset| {
        let goal = format!("{offset} is committed");
        until(&goal, async || view.committed(&group, &source, 1).await == [Some(offset)]).await;
    };
    let service = Service::start(&kafka, router(&group, &source, &calls));
    write(&kafka, valued(&source, 0, &["both"; 10])).await;
    committed(10).await;
    block_in_place(|| broker.kill(2));
    write(&kafka, valued(&source, 0, &["one"; 20])).await;
    committed(30).await;
    block_in_place(|| broker.kill(1));
    block_in_place(|| broker.revive(2));
    until("the other leads", async || view.leader(&source).await == 2).await;

    write(&kafka, valued(&source, 0, &["other"; 5])).await;
    until("what is new is read", async || calls.count() >= 45).await;
    committed(15).await;
    service.stop().await.unwrap();
    assert_eq!(view.committed(&group, &source, 1).await, [Some(15)]);
    let service = Service::start(&kafka, router(&group, &source, &calls));
    write(&kafka, valued(&source, 0, &["more"; 2])).await;
    committed(17).await;
    service.stop().await.unwrap();

    println!("fired: 20 records lost by the brokers, which had been committed");
    assert_eq!(calls.of(0), (0..30).chain(0..17).collect::<Vec<_>>());
}
