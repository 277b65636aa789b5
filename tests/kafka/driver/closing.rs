use super::member::Member;
use crate::kit::{fill, kafka, topic, unique};
use milena_core::transport::Event;
use milena_rdkafka::{GroupProtocol, Kafka};
use std::time::{Duration, Instant};

const WITHIN: Duration = Duration::from_secs(10);
/// Closing waits for an answer of the broker, which a pending join can hold up for five seconds.
const SOON: Duration = Duration::from_secs(6);

type With = fn(Kafka) -> Kafka;

fn protocols() -> [(&'static str, With); 3] {
    [
        ("cooperative", |kafka| kafka),
        ("eager", |kafka| kafka.set("partition.assignment.strategy", "range")),
        ("by broker", |kafka| kafka.group_protocol(GroupProtocol::Consumer)),
    ]
}

#[tokio::test]
async fn closing_before_joining_is_bounded() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "early", 2).await;

        let took = Member::join(&kafka, &unique("early"), &[&topic]).await.close(WITHIN).await;

        println!("{name}: {took:?}");
        assert!(took < SOON, "{name}: {took:?}");
    }
}

#[tokio::test]
async fn closing_with_an_unanswered_assignment_is_bounded() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "unanswered", 2).await;
        let mut member = Member::join(&kafka, &unique("unanswered"), &[&topic]).await;
        while !matches!(member.event().await, Event::Assigned(_)) {}

        let took = member.close(WITHIN).await;

        println!("{name}: {took:?}");
        assert!(took < SOON, "{name}: {took:?}");
    }
}

#[tokio::test]
async fn closing_while_it_is_asked_where_reading_begins_is_bounded() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "asked", 2).await;
        let mut member = Member::join(&kafka, &unique("asked"), &[&topic]).await;
        while member.owned.is_empty() {
            let event = member.event().await;
            member.answer(event);
        }

        let took = member.close(WITHIN).await;

        println!("{name}: {took:?}");
        assert!(took < SOON, "{name}: {took:?}");
    }
}

#[tokio::test]
async fn closing_with_an_unanswered_revoke_is_bounded_and_lets_the_other_go_on() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "revoked", 2).await;
        fill(&kafka, &topic, 2, 0..100).await;
        let group = unique("revoked");
        let mut one = Member::join(&kafka, &group, &[&topic]).await;
        one.until(|one| one.owned.len() == 2).await;
        let mut two = Member::join(&kafka, &group, &[&topic]).await;
        while !matches!(one.event().await, Event::Revoked(..)) {}

        let took = one.close(WITHIN).await;
        let start = Instant::now();
        two.until(|two| two.owned.len() == 2 && two.read.len() == 200).await;

        println!("{name}: {took:?}, the other had all after {:?}", start.elapsed());
        assert!(took < SOON, "{name}: {took:?}");
    }
}

#[tokio::test]
async fn closing_with_records_held_is_bounded_and_lets_the_other_go_on() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "held", 2).await;
        fill(&kafka, &topic, 2, 0..100).await;
        let group = unique("held");
        let mut one = Member::join(&kafka, &group, &[&topic]).await;
        let mut held = Vec::new();
        while held.iter().map(milena_core::record::Chunk::len).sum::<usize>() < 200 {
            match one.event().await {
                Event::Records(chunk) => held.push(chunk),
                event => one.answer(event),
            }
        }

        let took = one.close(WITHIN).await;
        let mut two = Member::join(&kafka, &group, &[&topic]).await;
        let start = Instant::now();
        two.until(|two| two.read.len() == 200).await;

        println!("{name}: {took:?}, the other had all after {:?}", start.elapsed());
        assert!(took < SOON, "{name}: {took:?}");
        assert_eq!(held[0].records().value(0), Some(&b"0"[..]));
    }
}

#[tokio::test]
async fn a_member_without_partitions_leaves_at_once() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "nothing", 1).await;
    let group = unique("nothing");
    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.owned.len() == 1).await;
    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    tokio::join!(one.run_for(Duration::from_secs(7)), two.run_for(Duration::from_secs(7)));
    assert!(two.owned.is_empty());

    let took = two.close(WITHIN).await;
    // Were it still in the group, the next one would wait for its session to end.
    let mut three = Member::join(&kafka, &group, &[&topic]).await;
    one.close(WITHIN).await;
    let start = Instant::now();
    three.until(|three| three.owned.len() == 1).await;

    println!("left in {took:?}, the next had its partition after {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_dropped_consumer_leaves_the_group() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "dropped", 2).await;
        fill(&kafka, &topic, 2, 0..10).await;
        let group = unique("dropped");
        let mut one = Member::join(&kafka, &group, &[&topic]).await;
        one.until(|one| one.read.len() == 20).await;

        let start = Instant::now();
        drop(one);
        let took = start.elapsed();
        let mut two = Member::join(&kafka, &group, &[&topic]).await;
        two.until(|two| two.read.len() == 20).await;

        println!("{name}: dropped in {took:?}, the other had all after {:?}", start.elapsed());
        assert!(took < Duration::from_millis(50), "{name}: {took:?}");
        assert!(start.elapsed() < Duration::from_secs(15), "{name}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_static_member_keeps_its_partitions_while_it_is_away() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "static", 2).await;
    fill(&kafka, &topic, 2, 0..10).await;
    let group = unique("static");
    let named = kafka.clone().instance_id("one");
    let mut one = Member::join(&named, &group, &[&topic]).await;
    let mut other = Member::join(&kafka.instance_id("other"), &group, &[&topic]).await;
    let start = Instant::now();
    while one.owned.len() != 1 || other.owned.len() != 1 {
        assert!(start.elapsed() < crate::kit::STUCK);
        tokio::join!(
            one.run_for(Duration::from_millis(100)),
            other.run_for(Duration::from_millis(100))
        );
    }
    let (had, revokes) = (one.owned.clone(), other.revokes);

    one.close(WITHIN).await;
    other.run_for(Duration::from_secs(2)).await;
    let mut one = Member::join(&named, &group, &[&topic]).await;
    let start = Instant::now();
    one.until(|one| !one.owned.is_empty()).await;
    println!("it had its partitions again after {:?}", start.elapsed());
    other.run_for(Duration::from_secs(1)).await;

    assert!(one.owned.keys().eq(had.keys()));
    assert_eq!(other.revokes, revokes);
}
