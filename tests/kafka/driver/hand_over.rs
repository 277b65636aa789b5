use super::{
    cluster::more_partitions,
    member::{Member, all, key},
};
use crate::kit::{fill, kafka, topic, unique};
use milena_core::{TopicPartition, transport::Event};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

fn cooperative(kafka: Kafka) -> Kafka {
    kafka.session_timeout(Duration::from_secs(6)).set("heartbeat.interval.ms", "500")
}

fn eager(kafka: Kafka) -> Kafka {
    cooperative(kafka).set("partition.assignment.strategy", "range")
}

fn by_broker(kafka: Kafka) -> Kafka {
    kafka.group_protocol(GroupProtocol::Consumer)
}

#[tokio::test]
async fn nothing_is_lost_or_repeated_when_cooperative_members_come_and_go() {
    churn(cooperative).await;
}

#[tokio::test]
async fn nothing_is_lost_or_repeated_when_eager_members_come_and_go() {
    churn(eager).await;
}

#[tokio::test]
async fn nothing_is_lost_or_repeated_when_the_broker_assigns() {
    churn(by_broker).await;
}

/// One member stays, another comes and goes, and a producer writes all the time.
async fn churn(with: impl Fn(Kafka) -> Kafka) {
    let Some(kafka) = kafka() else { return };
    let kafka = with(kafka);
    let topic = topic(&kafka, "churn", 6).await;
    let group = unique("churn");
    let stop = Arc::new(AtomicBool::new(false));
    let written = tokio::spawn(write(kafka.clone(), topic.clone(), stop.clone()));

    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.owned.len() == 6).await;
    let (mut read, mut stale) = (Vec::new(), 0);
    for _ in 0..3 {
        let mut two = Member::join(&kafka, &group, &[&topic]).await;
        both(&mut one, &mut two, |one, two| one.owned.len() == 3 && two.owned.len() == 3).await;
        let start = Instant::now();
        both(&mut one, &mut two, |_, _| start.elapsed() > Duration::from_secs(1)).await;
        // It gives everything back in order, as the runtime does when it ends.
        two.commit();
        let done = two.read.len();
        both(&mut one, &mut two, |_, two| !two.is_committing()).await;
        two.read.truncate(done);
        read.append(&mut two.read);
        stale += two.stale;
        assert!(
            two.lost.is_empty() && two.troubles.is_empty(),
            "{:?} {:?}",
            two.lost,
            two.troubles
        );
        let (closed, ()) = tokio::join!(
            two.close(Duration::from_secs(10)),
            one.run_for(Duration::from_millis(500))
        );
        println!("closed in {closed:?}");
        one.until(|one| one.owned.len() == 6).await;
    }
    stop.store(true, Ordering::Relaxed);
    let written = written.await.unwrap();
    let before = read.len();
    one.until(|one| one.read.len() + before >= written * 6).await;
    one.run_for(Duration::from_millis(500)).await;
    println!("{written} to each partition, {stale} stale, {} revokes", one.revokes);

    assert!(one.lost.is_empty() && one.troubles.is_empty(), "{:?} {:?}", one.lost, one.troubles);
    read.append(&mut one.read);
    read.sort_unstable();
    assert_eq!(read.len(), written * 6);
    assert_eq!(read, all(6, 0..written as i64));
    one.close(Duration::from_secs(10)).await;
}

/// Writes until it is told to stop, and says how much.
async fn write(kafka: Kafka, topic: Arc<str>, stop: Arc<AtomicBool>) -> usize {
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        fill(&kafka, &topic, 6, written..written + 500).await;
        written += 500;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    written as usize
}

/// Lets both members run until `done`.
async fn both(one: &mut Member, two: &mut Member, mut done: impl FnMut(&Member, &Member) -> bool) {
    let start = Instant::now();
    while !done(one, two) {
        assert!(
            start.elapsed() < crate::kit::STUCK,
            "one has {:?}, two {:?}",
            one.owned,
            two.owned
        );
        tokio::select! {
            Some(event) = one.event_within(Duration::from_millis(50)) => one.answer(event),
            Some(event) = two.event_within(Duration::from_millis(50)) => two.answer(event),
            else => {}
        }
    }
}

#[tokio::test]
async fn a_cooperative_revoke_that_new_partitions_supersede_stalls_nothing() {
    supersede(cooperative).await;
}

#[tokio::test]
async fn an_eager_revoke_that_new_partitions_supersede_stalls_nothing() {
    supersede(eager).await;
}

/// A member holds a revoke back while the topic gets more partitions, which makes the group go on without
/// its answer.
async fn supersede(with: impl Fn(Kafka) -> Kafka) {
    let Some(kafka) = kafka() else { return };
    let kafka = with(kafka).set("topic.metadata.refresh.interval.ms", "500");
    let topic = topic(&kafka, "supersede", 2).await;
    fill(&kafka, &topic, 2, 0..100).await;
    let group = unique("supersede");
    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.read.len() == 200).await;
    one.commit();
    one.until(|one| !one.is_committing()).await;

    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    let revoked = loop {
        match one.event().await {
            Event::Revoked(revoked, within) => break (revoked, within),
            event => one.answer(event),
        }
    };
    more_partitions(&topic, 4).await;
    let lost = loop {
        tokio::select! {
            event = one.event() => match event {
                Event::Lost(lost) => break lost,
                event => one.answer(event),
            },
            event = two.event() => two.answer(event),
        }
    };
    one.answer(Event::Lost(lost.clone()));
    // The answer comes too late, and is one to nothing.
    one.consumer.release(revoked.0.clone());
    fill(&kafka, &topic, 4, 100..200).await;
    both(&mut one, &mut two, |one, two| one.owned.len() == 2 && two.owned.len() == 2).await;
    both(&mut one, &mut two, |one, two| {
        let seen =
            |partition| one.read.iter().chain(&two.read).filter(|at| at.0 == partition).count();
        seen(0) >= 200 && seen(1) >= 200 && seen(2) >= 100 && seen(3) >= 100
    })
    .await;

    assert_eq!(revoked.1, Duration::from_secs(150));
    let revoked: Vec<_> = revoked.0.iter().map(key).collect();
    let lost: Vec<_> = lost.iter().map(key).collect();
    assert!(lost.iter().all(|at| revoked.contains(at)), "{lost:?} of {revoked:?}");
}

#[tokio::test]
async fn a_revoke_waits_for_its_answer() {
    let Some(kafka) = kafka() else { return };
    let kafka = cooperative(kafka);
    let topic = topic(&kafka, "wait", 2).await;
    fill(&kafka, &topic, 2, 0..100).await;
    let group = unique("wait");
    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.read.len() == 200).await;

    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    let revoked = loop {
        match one.event().await {
            Event::Revoked(revoked, _) => break revoked,
            event => one.answer(event),
        }
    };
    let start = Instant::now();
    two.run_for(Duration::from_secs(3)).await;
    assert!(two.owned.is_empty(), "{:?}", two.owned);
    one.answer(Event::Revoked(revoked.clone(), Duration::ZERO));
    both(&mut one, &mut two, |one, two| one.owned.len() == 1 && two.owned.len() == 1).await;
    println!("{:?} until the other had them", start.elapsed());
    two.run_for(Duration::from_millis(500)).await;

    let moved: Vec<TopicPartition> = revoked;
    assert_eq!(moved.len(), 1);
    assert!(two.read.is_empty(), "what was committed is not read again: {:?}", two.read);
}
