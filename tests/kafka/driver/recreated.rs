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

    println!(
        "{:?} {:?} {:?}",
        member.resets,
        member.moves,
        member.troubles.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    assert_eq!(member.sorted(), (0..6).map(|offset| (0, offset)).collect::<Vec<_>>());
}

fn named(topic: &Arc<str>) -> Selection {
    Selection::topics([topic.clone()])
}

/// A topic that has more than was read of the old one before anybody sees that it is another.
async fn check_longer(kafka: &Kafka, reset: Reset) {
    let topic = topic(kafka, "longer", 2).await;
    fill(kafka, &topic, 2, 0..10).await;
    let membership = Membership {
        start: StartAt::Earliest,
        reset,
        ..Membership::new(unique("longer"), [topic.clone()])
    };
    let mut member = Member::with(kafka, membership).await;
    member.until(|member| member.read.len() == 20).await;
    // Long enough for the old topic to be known.
    member.run_for(Duration::from_secs(1)).await;
    member.read.clear();

    delete(&topic).await;
    let again = NewTopic::new(topic.clone()).partitions(2);
    kafka.create_topics(vec![again]).await.unwrap();
    fill(kafka, &topic, 2, 0..20).await;
    let all = || (0..2).flat_map(|partition| (0..20).map(move |offset| (partition, offset)));
    member.until(|member| all().all(|at| member.read.contains(&at))).await;

    let stale = member.read[..].iter().take_while(|(_, offset)| *offset >= 10).count();
    println!(
        "F26 driver: {stale} of {} records were read at the old offset first, resets {:?}",
        member.read.len(),
        member.resets
    );
}

#[tokio::test]
async fn a_topic_that_is_created_again_and_grows_past_the_old_one_is_read_from_its_beginning() {
    let Some(kafka) = kafka() else { return };
    for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
        let kafka = kafka.clone().group_protocol(protocol);
        check_longer(&kafka, Reset::Earliest).await;
        check_longer(&kafka, Reset::Latest).await;
    }
    let kafka = kafka.set("partition.assignment.strategy", "range");
    check_longer(&kafka, Reset::Earliest).await;
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
