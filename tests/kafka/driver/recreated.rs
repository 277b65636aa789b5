use super::{cluster::delete, member::Member};
use crate::kit::{fill, kafka, topic, unique};
use milena_core::transport::{Membership, NewTopic, Reset, Selection, StartAt, Transport as _};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{sync::Arc, time::Duration};

/// Deletes the topic and creates it again.
async fn again(kafka: &Kafka, name: &Arc<str>) {
    delete(name).await;
    kafka.create_topics(vec![NewTopic::new(name.clone()).partitions(1)]).await.unwrap();
}

/// Reads ten records, then four of the new topic.
async fn check(kafka: Kafka, group: Option<Arc<str>>, selection: impl Fn(&Arc<str>) -> Selection) {
    let kafka = kafka.set("topic.metadata.refresh.interval.ms", "1000");
    let topic = topic(&kafka, "again", 1).await;
    fill(&kafka, &topic, 1, 0..10).await;
    let membership = Membership {
        group,
        selection: selection(&topic),
        start: StartAt::Earliest,
        reset: Reset::Earliest,
        ..Membership::new("", [topic.clone()])
    };
    let mut member = Member::with(&kafka, membership).await;
    member.until(|member| member.read.len() == 10).await;
    member.read.clear();

    again(&kafka, &topic).await;
    fill(&kafka, &topic, 1, 0..4).await;
    member.until(|member| member.read.len() == 4).await;
    fill(&kafka, &topic, 1, 4..6).await;
    member.until(|member| member.read.len() == 6).await;
    member.run_for(Duration::from_millis(300)).await;

    println!("{:?} {:?} {:?}", member.resets, member.moves, member.troubles);
    assert_eq!(member.sorted(), (0..6).map(|offset| (0, offset)).collect::<Vec<_>>());
}

fn named(topic: &Arc<str>) -> Selection {
    Selection::topics([topic.clone()])
}

#[tokio::test]
async fn a_cooperative_member_reads_a_topic_that_is_created_again() {
    let Some(kafka) = kafka() else { return };
    check(kafka, Some(unique("again")), named).await;
}

#[tokio::test]
async fn an_eager_member_reads_a_topic_that_is_created_again() {
    let Some(kafka) = kafka() else { return };
    let kafka = kafka.set("partition.assignment.strategy", "range");
    check(kafka, Some(unique("again")), named).await;
}

#[tokio::test]
async fn a_member_by_the_broker_reads_a_topic_that_is_created_again() {
    let Some(kafka) = kafka() else { return };
    let kafka = kafka.group_protocol(GroupProtocol::Consumer);
    check(kafka, Some(unique("again")), named).await;
}

#[tokio::test]
async fn a_reader_without_a_group_reads_a_topic_that_is_created_again() {
    let Some(kafka) = kafka() else { return };
    check(kafka, None, named).await;
}
