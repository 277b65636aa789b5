use super::member::{Member, all, key};
use crate::kit::{fill, kafka, topic, unique};
use milena_core::{TopicPartition, error::ErrorKind, transport::Event};
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

fn at(topic: &Arc<str>, partition: i32) -> TopicPartition {
    TopicPartition::new(topic.clone(), partition)
}

/// Takes the events up to the move of each of these partitions.
async fn moved(member: &mut Member, count: usize) {
    let before = member.moves.len();
    member.until(|member| member.moves.len() == before + count).await;
}

#[tokio::test]
async fn nothing_old_comes_behind_a_move() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "seek", 2).await;
        fill(&kafka, &topic, 2, 0..20_000).await;
        let mut member = Member::join(&kafka, &unique("seek"), &[&topic]).await;
        member.until(|member| member.read.len() > 1_000).await;

        // Both are in the midst of a prefetch: one goes forward, the other back.
        let to = vec![(at(&topic, 0), 15_000), (at(&topic, 1), 3)];
        member.consumer.seek(to);
        moved(&mut member, 2).await;
        assert_eq!(member.moves, [(0, 15_000), (1, 3)], "{name}");
        member.read.clear();
        member.until(|member| member.read.len() == 5_000 + 19_997).await;
        member.run_for(Duration::from_millis(300)).await;

        let mut expected: Vec<_> = (15_000..20_000).map(|offset| (0, offset)).collect();
        expected.extend((3..20_000).map(|offset| (1, offset)));
        assert_eq!(member.sorted(), expected, "{name}");
        assert_eq!(member.stale, 0, "{name}");
        assert!(member.troubles.is_empty(), "{name}: {:?}", member.troubles);
    }
}

#[tokio::test]
async fn a_seek_before_the_first_record_takes() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "early", 4).await;
        fill(&kafka, &topic, 4, 0..100).await;
        for wait in [0, 1, 2, 5, 10] {
            let mut member = Member::join(&kafka, &unique("early"), &[&topic]).await;
            let event = member.event().await;
            member.answer(event);
            // Where it begins is being asked, then librdkafka is told, then it asks for records.
            tokio::time::sleep(Duration::from_millis(wait)).await;

            member.consumer.seek((0..4).map(|partition| (at(&topic, partition), 90)).collect());
            moved(&mut member, 4).await;
            member.read.clear();
            member.until(|member| member.read.len() == 40).await;
            member.run_for(Duration::from_millis(100)).await;

            let sorted = member.sorted();
            assert!(
                sorted.iter().all(|(_, offset)| *offset >= 90),
                "{name}, {wait} ms: {sorted:?}"
            );
            assert_eq!(sorted.len(), 40, "{name}, {wait} ms");
            member.close(Duration::from_secs(10)).await;
        }
    }
}

#[tokio::test]
async fn seeks_are_answered_in_order_and_the_last_one_counts() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "order", 1).await;
    fill(&kafka, &topic, 1, 0..1_000).await;
    let mut member = Member::join(&kafka, &unique("order"), &[&topic]).await;
    member.until(|member| member.read.len() == 1_000).await;

    for offset in [10, 500, 20, 990] {
        member.consumer.seek(vec![(at(&topic, 0), offset)]);
    }
    moved(&mut member, 4).await;
    member.read.retain(|(_, offset)| *offset >= 990);
    member.read.clear();
    member.until(|member| member.read.len() == 10).await;
    fill(&kafka, &topic, 1, 1_000..1_001).await;
    member.until(|member| member.read.len() == 11).await;

    assert_eq!(member.moves, [(0, 10), (0, 500), (0, 20), (0, 990)]);
    assert_eq!(member.sorted(), (990..1_001).map(|offset| (0, offset)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_parked_partition_moves_and_stays_parked() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "parked", 2).await;
    fill(&kafka, &topic, 2, 0..1_000).await;
    let mut member = Member::join(&kafka, &unique("parked"), &[&topic]).await;
    member.until(|member| member.read.len() == 2_000).await;
    member.consumer.park(&at(&topic, 0));

    member.consumer.seek(vec![(at(&topic, 0), 100), (at(&topic, 1), 100)]);
    moved(&mut member, 2).await;
    member.read.clear();
    member.until(|member| member.read.len() == 900).await;
    member.run_for(Duration::from_millis(500)).await;
    assert!(member.read.iter().all(|(partition, _)| *partition == 1));
    member.consumer.unpark(&at(&topic, 0));
    member.until(|member| member.read.len() == 1_800).await;

    assert_eq!(member.sorted(), all(2, 100..1_000));
}

#[tokio::test]
async fn what_is_not_held_does_not_move() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "held", 1).await;
    fill(&kafka, &topic, 1, 0..10).await;
    let group = unique("held");
    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.read.len() == 10).await;

    one.consumer.seek(vec![(at(&topic, 1), 0), (TopicPartition::new("other", 0), 0)]);
    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    // Each of the two gets its turn: one is closed, so that the other is given the partition.
    one.consumer.commit(Vec::new());
    while !matches!(one.event().await, Event::Committed(_)) {}
    assert!(one.moves.is_empty());
    two.consumer.seek(vec![(at(&topic, 0), 0)]);
    one.close(Duration::from_secs(10)).await;
    two.until(|two| two.read.len() == 10).await;

    assert!(two.moves.is_empty(), "{:?}", two.moves);
}

#[tokio::test]
async fn what_is_being_given_back_does_not_move() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "revoking", 2).await;
    fill(&kafka, &topic, 2, 0..10).await;
    let group = unique("revoking");
    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.read.len() == 20).await;
    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    let revoked = loop {
        match one.event().await {
            Event::Revoked(revoked, _) => break revoked,
            event => one.answer(event),
        }
    };

    one.consumer.seek(revoked.iter().map(|at| (at.clone(), 0)).collect());
    one.answer(Event::Revoked(revoked.clone(), Duration::ZERO));
    one.until(|one| one.owned.len() == 1).await;
    two.until(|two| two.owned.len() == 1).await;
    two.run_for(Duration::from_millis(500)).await;

    assert!(one.moves.is_empty(), "{:?}", one.moves);
    assert!(two.owned.contains_key(&key(&revoked[0])));
    assert!(two.read.is_empty(), "what was committed is not read again: {:?}", two.read);
}

#[tokio::test]
async fn a_commit_from_before_a_move_is_not_taken_for_one_behind_it() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "epochs", 1).await;
    fill(&kafka, &topic, 1, 0..10).await;
    let group = unique("epochs");
    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.read.len() == 10).await;

    // The runtime has not seen the move when it commits.
    one.consumer.seek(vec![(at(&topic, 0), 3)]);
    one.consumer.commit(vec![(at(&topic, 0), 10)]);
    let refused = loop {
        match one.event().await {
            Event::Committed(result) => break result.unwrap_err(),
            event => one.answer(event),
        }
    };
    assert_eq!(refused.kind(), ErrorKind::Rebalancing, "{refused}");
    one.until(|one| one.moves.len() == 1).await;
    one.consumer.commit(vec![(at(&topic, 0), 5)]);
    loop {
        match one.event().await {
            Event::Committed(result) => break result.unwrap(),
            event => one.answer(event),
        }
    }
    one.close(Duration::from_secs(10)).await;

    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    two.until(|two| two.read.len() == 5).await;
    assert_eq!(two.sorted()[0], (0, 5));
}
