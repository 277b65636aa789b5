use super::{
    service::{Service, until, valued, write},
    view::{View, text},
};
use crate::kit::{kafka, topic, unique};
use milena::{Router, each, record::Partition};
use milena_core::{
    ProducerRecord,
    transport::{Delivered, Receipt, Receive, Transport as _},
};
use milena_rdkafka::Kafka;
use rdkafka::message::Message as _;
use std::sync::Arc;

const PARTITIONS: i32 = 3;
const RECORDS: usize = 30;
const REPLIES: usize = 100;

/// Many replies at once, over all partitions.
async fn multiply(value: String) -> Vec<(Partition, String)> {
    let reply =
        |n: usize| (Partition(i32::try_from(n).unwrap() % PARTITIONS), format!("{value}-{n}"));
    (0..REPLIES).map(reply).collect()
}

#[tokio::test]
async fn a_producer_that_is_full_delays_replies_and_keeps_their_order() {
    let Some(kafka) = kafka() else { return };
    let kafka = kafka.set("queue.buffering.max.messages", "10");
    let view = View::shared();
    let (source, replies) =
        (topic(&kafka, "room", 1).await, topic(&kafka, "many", PARTITIONS).await);
    check_runs_full(&kafka, &topic(&kafka, "full", 1).await).await;
    let values: Vec<_> = (0..RECORDS).map(|n| n.to_string()).collect();
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    write(&kafka, valued(&source, 0, &values)).await;
    let group = unique("room");
    let subscriber = each(multiply).publish_to(replies.clone());
    let router = Router::new(group.clone()).subscribe(source.clone(), subscriber);
    let service = Service::start(&kafka, router);

    let end = Some(i64::try_from(RECORDS).unwrap());
    until("all is done", async || view.committed(&group, &source, 1).await == [end]).await;
    service.stop().await.unwrap();

    let written = view.records(&replies).await;
    for partition in 0..PARTITIONS {
        let of_it = written.iter().filter(|reply| reply.partition() == partition);
        let actual: Vec<_> = of_it.map(|reply| text(reply.payload())).collect();
        let replies = (0..REPLIES).filter(|n| *n % 3 == usize::try_from(partition).unwrap());
        let replies: Vec<_> = replies.collect();
        let all = (0..RECORDS).flat_map(|n| replies.iter().map(move |m| format!("{n}-{m}")));
        assert_eq!(actual, all.collect::<Vec<_>>(), "partition {partition}");
    }
}

struct Nobody;

impl Receive for Nobody {
    fn receive(&self, _: u64, _: Result<Delivered, milena::Error>) {}
}

/// A producer of this configuration has no room for as many records as a call has replies.
async fn check_runs_full(kafka: &Kafka, topic: &Arc<str>) {
    let producer = kafka.producer().await.unwrap();
    let nobody = Arc::new(Nobody);
    let refused = (0..REPLIES).find_map(|n| {
        let record = ProducerRecord::new(topic.clone()).value(n.to_string());
        producer.enqueue(record, Receipt::new(nobody.clone(), 0)).err()
    });
    let full = refused.expect("there is no room for all");
    full.receipt.cancel();
}
