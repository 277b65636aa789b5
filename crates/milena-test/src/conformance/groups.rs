use crate::conformance::{
    Fixture, drive,
    member::{Member, Phase},
    read::{numbered, numbered_for},
};
use milena_core::TopicPartition;
use std::{collections::HashSet, sync::Arc};

/// A second member gets some of the first one's partitions, and the first one keeps the others all
/// the while.
pub async fn a_second_member_gets_some_partitions_and_the_first_keeps_the_rest(fixture: &Fixture) {
    if !fixture.guarantees.rebalances_in_part {
        return;
    }
    let (topic, group) = (fixture.topic(4).await, fixture.name("group"));
    let mut first = fixture.join(&group, &[&topic]).await;
    first.until_reading(4).await;
    let epochs = |member: &Member| -> HashSet<_> {
        member.held().into_iter().map(|place| (member.epoch(&place), place)).collect()
    };
    let before = epochs(&first);

    let mut second = fixture.join(&group, &[&topic]).await;
    share(&mut first, &mut second, 2).await;

    assert!(epochs(&first).is_subset(&before), "the first member's own were assigned anew");
    send_to_all(fixture, &topic, 4).await;
    drive::together(&mut [&mut first, &mut second], "both read", |members| {
        members.iter().all(|member| member.records.len() == 2)
    })
    .await;
}

/// A member gets no partition of a topic that only others of its group subscribe to.
pub async fn a_member_gets_only_topics_it_subscribes_to(fixture: &Fixture) {
    let (left, right) = (fixture.topic(1).await, fixture.topic(4).await);
    let group = fixture.name("group");
    let mut first = fixture.join(&group, &[&left]).await;
    let mut second = fixture.join(&group, &[&right]).await;

    drive::together(&mut [&mut first, &mut second], "each has its topic", |members| {
        let reading = |index: usize| members[index].in_phase(Phase::Reading).len();
        (reading(0), reading(1)) == (1, 4)
    })
    .await;

    assert!(first.held().iter().all(|place| place.topic == left));
    assert!(second.held().iter().all(|place| place.topic == right));
}

/// What a closed member had goes to the other, which goes on where that one committed.
pub async fn a_closed_member_hands_everything_to_the_other(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(4).await, fixture.name("group"));
    let mut first = fixture.join(&group, &[&topic]).await;
    first.until_reading(4).await;
    let mut second = fixture.join(&group, &[&topic]).await;
    share(&mut first, &mut second, 2).await;
    send_to_all(fixture, &topic, 4).await;
    second.read(2).await;
    first.until("it has read its own", |member| member.records.len() == 2).await;

    // In a task of its own it hears of the other's leave only if it is woken.
    let waiting = tokio::spawn(async move {
        first.until_reading(4).await;
        first
    });
    tokio::task::yield_now().await;
    second.commit_and_close().await;
    let mut first = fixture.joined("a member has everything", waiting).await;
    send_to_all(fixture, &topic, 4).await;

    assert_eq!(first.read(6).await.len(), 6);
    drive::look(&mut [&mut first]).await;
    assert!(first.records.is_empty(), "what was committed is read again: {:?}", first.records);
}

/// A member can leave before it knows what it was to have, and others are not kept waiting.
pub async fn a_member_can_close_before_it_has_joined(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));

    let mut first = fixture.join(&group, &[&topic]).await;
    first.close().await;

    let mut second = fixture.join(&group, &[&topic]).await;
    second.until_reading(2).await;
}

/// Where a driver says so, a consumer that is just dropped leaves its group, too.
pub async fn a_dropped_member_leaves_the_group(fixture: &Fixture) {
    if !fixture.guarantees.leaves_when_dropped {
        return;
    }
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    let mut first = fixture.join(&group, &[&topic]).await;
    first.until_reading(2).await;
    let mut second = fixture.join(&group, &[&topic]).await;
    share(&mut first, &mut second, 1).await;

    drop(second);

    first.until_reading(2).await;
    fixture.send(numbered(&topic, 0..3)).await;
    assert_eq!(first.read(3).await.len(), 3);
}

/// Runs two members until each reads this many partitions.
pub(super) async fn share(first: &mut Member, second: &mut Member, each: usize) {
    let what = format!("each member reads {each} partitions");
    drive::together(&mut [first, second], &what, |members| {
        members.iter().all(|member| member.in_phase(Phase::Reading).len() == each)
    })
    .await;
}

/// Writes one record to each of the topic's partitions.
async fn send_to_all(fixture: &Fixture, topic: &Arc<str>, partitions: i32) {
    let place = |partition| TopicPartition::new(topic.clone(), partition);
    fixture.send((0..partitions).flat_map(|n| numbered_for(&place(n), 0..1)).collect()).await;
}
