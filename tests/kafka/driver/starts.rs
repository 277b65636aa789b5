use super::{
    cluster::{delete, more_partitions},
    member::Member,
};
use crate::kit::{fill, kafka, topic, unique};
use milena_core::{
    ProducerRecord, TopicPartition,
    error::ErrorKind,
    transport::{Membership, StartAt, Transport as _},
};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

fn membership(topic: &Arc<str>, start: StartAt) -> Membership {
    Membership { start, ..Membership::new(unique("start"), [topic.clone()]) }
}

fn millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Writes ten records to each of two partitions, of the times 1000, 2000 and so on, and then an hour ago.
async fn dated(kafka: &Kafka) -> Arc<str> {
    let topic = topic(kafka, "dated", 2).await;
    let hour_ago = millis() - 3_600_000;
    let times = (1..=9).map(|second| second * 1_000).chain([hour_ago]);
    let records = times.flat_map(|time| {
        let topic = topic.clone();
        (0..2).map(move |partition| {
            ProducerRecord::new(topic.clone()).partition(partition).value("x").timestamp(time)
        })
    });
    let producer = kafka.producer().await.unwrap();
    producer.send_all(records.collect()).await.unwrap();
    topic
}

#[tokio::test]
async fn a_group_begins_where_it_is_told_to() {
    let Some(kafka) = kafka() else { return };
    let topic = dated(&kafka).await;
    let ago = |hours: u64| StartAt::Ago(Duration::from_secs(hours * 3_600));
    let offsets = StartAt::Offsets(vec![(TopicPartition::new(topic.clone(), 1), 8)]);
    for (start, expected) in [
        (StartAt::Earliest, [0, 0]),
        (StartAt::Latest, [10, 10]),
        (StartAt::Time(4_500), [4, 4]),
        (StartAt::Time(5_000), [4, 4]),
        // There is no record of such a time, so it begins behind the newest.
        (StartAt::Time(millis() + 1_000_000), [10, 10]),
        (ago(2), [9, 9]),
        (ago(1_000_000), [0, 0]),
        (offsets, [0, 8]),
    ] {
        let mut member = Member::with(&kafka, membership(&topic, start.clone())).await;
        member.until(|member| member.owned.len() == 2).await;
        let expected: Vec<_> = (0..2)
            .flat_map(|partition| {
                (expected[partition as usize]..10).map(move |offset| (partition, offset))
            })
            .collect();
        member.until(|member| member.read.len() >= expected.len()).await;
        member.run_for(Duration::from_millis(200)).await;

        assert_eq!(member.sorted(), expected, "{start:?}");
        assert!(member.moves.is_empty() && member.resets.is_empty(), "{start:?}");
        member.close(Duration::from_secs(10)).await;
    }
}

#[tokio::test]
async fn nothing_committed_is_a_failure_if_that_is_where_to_begin() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "nothing", 1).await;
    fill(&kafka, &topic, 1, 0..10).await;
    let committed = membership(&topic, StartAt::Committed);
    let group = committed.group.clone().unwrap();

    let mut one = Member::with(&kafka, committed.clone()).await;
    one.until(|one| one.failure.is_some()).await;
    let failure = one.failure.take().unwrap();
    one.close(Duration::from_secs(10)).await;
    assert_eq!(failure.kind(), ErrorKind::OutOfRange);
    let message =
        format!("could not begin to read `{topic}/0` for group `{group}`: nothing is committed");
    assert_eq!(failure.to_string(), message);

    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    two.until(|two| two.read.len() == 10).await;
    two.read.truncate(4);
    two.owned.values_mut().for_each(|(_, next)| *next = Some(4));
    two.commit();
    two.until(|two| !two.is_committing()).await;
    two.close(Duration::from_secs(10)).await;
    let mut three = Member::with(&kafka, committed).await;
    three.until(|three| three.read.len() == 6).await;
    assert_eq!(three.sorted()[0], (0, 4));
}

#[tokio::test]
async fn partitions_that_are_added_begin_at_their_oldest_record() {
    let protocols: [(&str, fn(Kafka) -> Kafka); 3] = [
        ("cooperative", |kafka| kafka),
        ("eager", |kafka| kafka.set("partition.assignment.strategy", "range")),
        ("by broker", |kafka| kafka.group_protocol(GroupProtocol::Consumer)),
    ];
    for (name, with) in protocols {
        let Some(kafka) = kafka().map(with) else { return };
        // It hears of new partitions late, when there are records in them.
        let kafka = kafka.set("topic.metadata.refresh.interval.ms", "3000");
        let topic = topic(&kafka, "added", 1).await;
        fill(&kafka, &topic, 1, 0..10).await;
        let mut member = Member::with(&kafka, membership(&topic, StartAt::Latest)).await;
        member.until(|member| member.owned.len() == 1).await;
        member.run_for(Duration::from_millis(500)).await;

        more_partitions(&topic, 3).await;
        let written = fill_when_there(&kafka, &topic, 3).await;
        member.until(|member| member.owned.len() == 3).await;
        member.until(|member| member.read.len() >= 3 * 10).await;
        member.run_for(Duration::from_millis(300)).await;

        let mut expected: Vec<_> = (10..20).map(|offset| (0, offset)).collect();
        expected.extend((1..3).flat_map(|at| (0..10).map(move |offset| (at, offset))));
        assert_eq!(member.sorted(), expected, "{name}, {written:?}");
        member.close(Duration::from_secs(10)).await;
    }
}

/// A producer of its own, which knows of the new partitions.
async fn fill_when_there(kafka: &Kafka, topic: &Arc<str>, partitions: i32) -> Duration {
    let start = Instant::now();
    fill(kafka, topic, partitions, 0..10).await;
    start.elapsed()
}

#[tokio::test]
async fn a_fresh_group_begins_at_once() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "fresh", 8).await;
    fill(&kafka, &topic, 8, 0..10).await;
    let mut took = Vec::new();
    for _ in 0..10 {
        let mut member = Member::join(&kafka, &unique("fresh"), &[&topic]).await;
        let assigned = member.event().await;
        let start = Instant::now();
        member.answer(assigned);
        member.until(|member| !member.read.is_empty()).await;
        let first = start.elapsed();
        member.until(|member| member.read.len() == 80).await;
        took.push((start.elapsed(), first));
        member.close(Duration::from_secs(10)).await;
    }
    took.sort_unstable();

    println!(
        "all 8 partitions were read {:?} after the assignment, at most {:?}",
        took[5], took[9]
    );
    assert!(took[5].0 < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn many_partitions_begin_together() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "many", 200).await;
    fill(&kafka, &topic, 200, 0..1).await;
    let mut member = Member::join(&kafka, &unique("many"), &[&topic]).await;
    let assigned = member.event().await;
    let start = Instant::now();
    member.answer(assigned);

    member.until(|member| member.read.len() == 200).await;

    println!("200 partitions were read {:?} after the assignment", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    member.close(Duration::from_secs(10)).await;
    delete(&topic).await;
}
