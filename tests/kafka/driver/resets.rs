use super::{
    cluster::delete_before,
    member::{Member, key},
};
use crate::kit::{fill, kafka, topic, unique};
use milena_core::{
    TopicPartition,
    error::ErrorKind,
    transport::{Membership, Reset, StartAt},
};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{sync::Arc, time::Duration};

type With = fn(Kafka) -> Kafka;

fn protocols() -> [(&'static str, With); 3] {
    [
        ("cooperative", |kafka| kafka),
        ("eager", |kafka| kafka.set("partition.assignment.strategy", "range")),
        ("by broker", |kafka| kafka.group_protocol(GroupProtocol::Consumer)),
    ]
}

fn membership(group: &str, topic: &Arc<str>, reset: Reset) -> Membership {
    // A reset is another thing than a start.
    Membership { reset, start: StartAt::Latest, ..Membership::new(group, [topic.clone()]) }
}

/// A member that has read ten records of each of two partitions and then goes back to offset 2 of the
/// first, which is deleted just before.
async fn behind(kafka: &Kafka, reset: Reset) -> (Member, Arc<str>) {
    let topic = topic(kafka, "gone", 2).await;
    fill(kafka, &topic, 2, 0..10).await;
    let start = StartAt::Earliest;
    let membership = Membership { start, ..membership(&unique("gone"), &topic, reset) };
    let mut member = Member::with(kafka, membership).await;
    member.until(|member| member.read.len() == 20).await;
    member.read.clear();
    delete_before(&topic, &[(0, 6)]).await;
    member.consumer.seek(vec![(TopicPartition::new(topic.clone(), 0), 2)]);
    member.until(|member| member.moves.len() == 1).await;
    (member, topic)
}

#[tokio::test]
async fn what_retention_deleted_is_told_and_left_out() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let (mut member, topic) = behind(&kafka, Reset::Earliest).await;

        member.until(|member| member.read.len() == 4).await;
        fill(&kafka, &topic, 2, 10..12).await;
        member.until(|member| member.read.len() == 8).await;
        member.run_for(Duration::from_millis(300)).await;

        assert_eq!(member.resets, [(0, 2, 6)], "{name}");
        assert_eq!(member.moves, [(0, 2), (0, 6)], "{name}");
        let mut expected: Vec<_> = (6..12).map(|offset| (0, offset)).collect();
        expected.extend([(1, 10), (1, 11)]);
        assert_eq!(member.sorted(), expected, "{name}");
        assert!(member.troubles.is_empty(), "{name}: {:?}", member.troubles);

        // What is committed behind a reset is accepted.
        member.commit();
        member.until(|member| !member.is_committing()).await;
        member.close(Duration::from_secs(10)).await;
    }
}

#[tokio::test]
async fn a_reset_to_the_latest_leaves_out_all_there_is() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let (mut member, topic) = behind(&kafka, Reset::Latest).await;

        member.until(|member| member.moves.len() == 2).await;
        fill(&kafka, &topic, 2, 10..12).await;
        member.until(|member| member.read.len() == 4).await;

        assert_eq!(member.resets, [(0, 2, 10)], "{name}");
        assert_eq!(member.moves, [(0, 2), (0, 10)], "{name}");
        assert_eq!(member.sorted(), [(0, 10), (0, 11), (1, 10), (1, 11)], "{name}");
    }
}

#[tokio::test]
async fn a_reset_that_is_an_error_names_the_offsets() {
    let Some(kafka) = kafka() else { return };
    let (mut member, topic) = behind(&kafka, Reset::Error).await;

    member.until(|member| member.failure.is_some()).await;

    let failure = member.failure.take().unwrap();
    assert_eq!(failure.kind(), ErrorKind::OutOfRange);
    let message =
        format!("could not go on with `{topic}/0` at offset 2: the broker has the offsets 6 to 10");
    assert_eq!(failure.to_string(), message);
    assert!(member.resets.is_empty());
    member.close(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_committed_offset_that_is_gone_is_reset() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "committed", 2).await;
        fill(&kafka, &topic, 2, 0..10).await;
        let group = unique("committed");
        let mut one = Member::join(&kafka, &group, &[&topic]).await;
        one.until(|one| one.read.len() == 20).await;
        one.owned.values_mut().for_each(|(_, next)| *next = Some(3));
        one.commit();
        one.until(|one| !one.is_committing()).await;
        one.close(Duration::from_secs(10)).await;
        delete_before(&topic, &[(0, 7)]).await;

        let mut two = Member::with(&kafka, membership(&group, &topic, Reset::Earliest)).await;
        two.until(|two| two.read.len() == 3 + 7).await;

        assert_eq!(two.resets, [(0, 3, 7)], "{name}");
        assert_eq!(two.moves, [(0, 7)], "{name}");
        let mut expected: Vec<_> = (7..10).map(|offset| (0, offset)).collect();
        expected.extend((3..10).map(|offset| (1, offset)));
        assert_eq!(two.sorted(), expected, "{name}");
    }
}

#[tokio::test]
async fn an_offset_beyond_the_end_is_reset() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "beyond", 1).await;
    fill(&kafka, &topic, 1, 0..10).await;
    let mut member = Member::join(&kafka, &unique("beyond"), &[&topic]).await;
    member.until(|member| member.read.len() == 10).await;
    member.read.clear();

    member.consumer.seek(vec![(TopicPartition::new(topic.clone(), 0), 1_000)]);
    member.until(|member| member.read.len() == 10).await;

    assert_eq!(member.resets, [(0, 1_000, 0)]);
    assert_eq!(member.moves, [(0, 1_000), (0, 0)]);
}

#[tokio::test]
async fn a_seek_takes_the_place_of_a_reset() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "instead", 1).await;
        fill(&kafka, &topic, 1, 0..10).await;
        let mut member = Member::join(&kafka, &unique("instead"), &[&topic]).await;
        member.until(|member| member.read.len() == 10).await;
        member.read.clear();
        let at = TopicPartition::new(topic.clone(), 0);

        // librdkafka gives it up; the driver does not hear of it while the partition is parked.
        member.consumer.park(&at);
        member.consumer.seek(vec![(at.clone(), 1_000)]);
        member.run_for(Duration::from_secs(1)).await;
        member.consumer.seek(vec![(at.clone(), 4)]);
        member.run_for(Duration::from_millis(300)).await;
        assert!(member.read.is_empty(), "{name}");
        member.consumer.unpark(&at);
        member.until(|member| member.read.len() == 6).await;

        assert!(member.resets.is_empty(), "{name}: {:?}", member.resets);
        assert_eq!(member.owned[&key(&at)].1, Some(10), "{name}");
    }
}

#[tokio::test]
async fn many_partitions_are_reset_together() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "all", 100).await;
    fill(&kafka, &topic, 100, 0..4).await;
    let mut member = Member::join(&kafka, &unique("all"), &[&topic]).await;
    member.until(|member| member.read.len() == 400).await;
    member.read.clear();
    let all: Vec<_> = (0..100).map(|partition| (partition, 2)).collect();
    delete_before(&topic, &all).await;

    let start = std::time::Instant::now();
    let to = (0..100).map(|partition| (TopicPartition::new(topic.clone(), partition), 0));
    member.consumer.seek(to.collect());
    member.until(|member| member.read.len() == 200).await;

    println!("100 partitions were reset and read in {:?}", start.elapsed());
    assert_eq!(member.resets.len(), 100);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
