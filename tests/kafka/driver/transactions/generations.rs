//! Who commits for a group: only a member, for what is its own.

use super::{Rig, at, publish, session};
use crate::{
    driver::{cluster::more_partitions, member::Member},
    kit::{STUCK, fill, kafka, topic, unique},
};
use milena_core::{
    TopicPartition,
    error::ErrorKind,
    transport::{Event, GroupMetadata, Membership, Transactions, Transport as _},
};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Sends offsets in a transaction of their own, which is committed, or aborted.
async fn commit(
    session: &Arc<dyn Transactions>,
    at: &TopicPartition,
    offset: i64,
    metadata: GroupMetadata,
) -> Result<(), ErrorKind> {
    session.begin().await.unwrap();
    let sent = session.send_offsets(vec![(at.clone(), offset)], metadata).await;
    if let Err(error) = sent {
        println!("{error}");
        assert_eq!(session.commit().await.unwrap_err().kind(), ErrorKind::Aborted);
        session.abort().await.unwrap();
        return Err(error.kind());
    }
    session.commit().await.unwrap();
    Ok(())
}

fn cooperative(kafka: Kafka) -> Kafka {
    kafka.session_timeout(Duration::from_secs(6)).set("heartbeat.interval.ms", "500")
}

fn by_broker(kafka: Kafka) -> Kafka {
    kafka.group_protocol(GroupProtocol::Consumer)
}

#[tokio::test]
async fn a_member_commits_what_it_gives_back_and_nothing_behind_that() {
    give_back(cooperative).await;
}

#[tokio::test]
async fn an_eager_member_commits_what_it_gives_back_and_nothing_behind_that() {
    give_back(|kafka| cooperative(kafka).set("partition.assignment.strategy", "range")).await;
}

#[tokio::test]
async fn a_member_that_the_broker_assigns_commits_what_it_gives_back_and_nothing_behind_that() {
    give_back(by_broker).await;
}

async fn give_back(with: impl Fn(Kafka) -> Kafka) {
    let Some(kafka) = kafka() else { return };
    let kafka = with(kafka);
    let (topic, group) = (topic(&kafka, "give", 2).await, unique("give"));
    fill(&kafka, &topic, 2, 0..10).await;
    let session = session(&kafka, &unique("give")).await;
    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.read.len() == 20).await;
    let old = one.consumer.group_metadata(vec![at(&topic, 0), at(&topic, 1)]).await.unwrap();
    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    let revoked = loop {
        match one.event().await {
            Event::Revoked(revoked, _) => break revoked,
            event => one.answer(event),
        }
    };

    // What was asked for with the revoke open holds until it is answered.
    let moves = revoked[0].clone();
    let last = one.consumer.group_metadata(revoked.clone()).await.unwrap();
    assert_eq!(commit(&session, &moves, 5, last.clone()).await, Ok(()));
    one.consumer.release(revoked.clone());
    for at in &revoked {
        one.owned.remove(&super::super::member::key(at));
    }
    let refused = one.consumer.group_metadata(vec![moves.clone()]).await.unwrap_err();
    let start = Instant::now();
    while one.owned.len() != 1 || two.owned.len() != 1 {
        assert!(start.elapsed() < STUCK, "{:?} and {:?}", one.owned, two.owned);
        tokio::select! {
            event = one.event() => one.answer(event),
            event = two.event() => two.answer(event),
        }
    }
    let moved = two.owned.keys().next().unwrap().1;
    let (mine, other) = (at(&topic, 1 - moved), at(&topic, moved));
    let foreign = one.consumer.group_metadata(vec![mine.clone(), other.clone()]).await;
    let (mine_now, other_now) = (
        one.consumer.group_metadata(vec![mine.clone()]).await.unwrap(),
        two.consumer.group_metadata(vec![other.clone()]).await.unwrap(),
    );
    println!("{refused}");

    assert_eq!(refused.kind(), ErrorKind::Rebalancing);
    assert_eq!(foreign.unwrap_err().kind(), ErrorKind::Rebalancing);
    assert_eq!(commit(&session, &other, 1, old).await, Err(ErrorKind::Aborted));
    assert_eq!(commit(&session, &other, 1, last).await, Err(ErrorKind::Aborted));
    assert_eq!(commit(&session, &mine, 9, mine_now).await, Ok(()));
    assert_eq!(commit(&session, &other, 9, other_now).await, Ok(()));
}

#[tokio::test]
async fn an_old_generation_is_refused_and_nothing_of_its_transaction_is_seen() {
    let Some(mut rig) = Rig::new("old").await else { return };
    let session = session(&rig.kafka, &rig.id).await;
    let old = rig.metadata().await;
    let place = at(&rig.input, 0);
    let kafka = rig.kafka.clone();
    let mut two = Member::join(&kafka, &rig.group, &[&rig.input]).await;
    let start = Instant::now();
    let mut came = false;
    while !came {
        assert!(start.elapsed() < STUCK);
        tokio::select! {
            event = rig.member.event() => rig.member.answer(event),
            event = two.event() => {
                came = matches!(event, Event::Assigned(_));
                two.answer(event);
            }
        }
    }

    session.begin().await.unwrap();
    publish(&session, &rig.output, "never").await.unwrap();
    let sent = session.send_offsets(vec![(place, 7)], old).await.unwrap_err();
    let committed = session.commit().await.unwrap_err();
    session.abort().await.unwrap();
    session.begin().await.unwrap();
    publish(&session, &rig.output, "seen").await.unwrap();
    session.commit().await.unwrap();
    println!("{sent}\n{committed}");

    assert_eq!(sent.kind(), ErrorKind::Aborted);
    let message = format!(
        "could not send offsets of group `{}` with a transaction of `{}`: ",
        rig.group, rig.id
    );
    assert!(sent.to_string().starts_with(&message), "{sent}");
    assert_eq!(committed.kind(), ErrorKind::Aborted);
    assert_eq!(rig.published().await, ["seen"]);
    assert_eq!(rig.committed().await, None);
}

/// librdkafka goes on to another generation with the revoke open, and tells of it later.
#[tokio::test]
async fn no_generation_that_a_revoke_is_superseded_by_commits_what_was_revoked() {
    let Some(kafka) = kafka() else { return };
    let kafka = cooperative(kafka).set("topic.metadata.refresh.interval.ms", "500");
    let (topic, group) = (topic(&kafka, "race", 2).await, unique("race"));
    fill(&kafka, &topic, 2, 0..10).await;
    let session = session(&kafka, &unique("race")).await;
    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.read.len() == 20).await;
    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    let revoked = loop {
        match one.event().await {
            Event::Revoked(revoked, _) => break revoked,
            event => one.answer(event),
        }
    };
    more_partitions(&topic, 4).await;

    let (mut last, mut asked) = (None, 0);
    let start = Instant::now();
    let lost = loop {
        assert!(start.elapsed() < STUCK, "the revoke is not superseded");
        match one.consumer.group_metadata(revoked.clone()).await {
            Ok(metadata) => (last, asked) = (Some(metadata), asked + 1),
            Err(error) => break error,
        }
        tokio::select! {
            biased;
            event = two.event_within(Duration::ZERO) => {
                event.into_iter().for_each(|event| two.answer(event));
            }
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    };
    println!("asked {asked} times, then {lost}");

    assert_eq!(lost.kind(), ErrorKind::Rebalancing);
    let stale = commit(&session, &revoked[0], 3, last.unwrap()).await;
    assert_eq!(stale, Err(ErrorKind::Aborted));
}

#[tokio::test]
async fn what_was_said_before_a_seek_was_seen_is_not_committed() {
    let Some(mut rig) = Rig::new("sought").await else { return };
    let place = at(&rig.input, 0);

    rig.member.consumer.seek(vec![(place.clone(), 2)]);
    let refused = rig.member.consumer.group_metadata(vec![place]).await.unwrap_err();
    rig.member.until(|member| !member.moves.is_empty()).await;
    rig.metadata().await;

    assert_eq!(refused.kind(), ErrorKind::Rebalancing);
}

#[tokio::test]
async fn who_has_left_its_group_or_has_none_is_no_member() {
    let Some(mut rig) = Rig::new("left").await else { return };
    let place = at(&rig.input, 0);
    rig.member.consumer.close(Duration::from_secs(10));
    while !matches!(rig.member.event().await, Event::Closed) {}
    let left = rig.member.consumer.group_metadata(vec![place.clone()]).await.unwrap_err();
    let membership = Membership { group: None, ..Membership::new("", [rig.input.clone()]) };
    let mut reader = rig.kafka.consumer(membership).await.unwrap();
    let alone = reader.group_metadata(vec![place]).await.unwrap_err();
    println!("{left}\n{alone}");

    assert_eq!(left.kind(), ErrorKind::Rebalancing);
    assert_eq!(alone.kind(), ErrorKind::Config);
}
