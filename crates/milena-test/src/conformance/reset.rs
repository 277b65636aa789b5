use crate::conformance::{
    Fixture,
    member::Member,
    read::{numbered, numbers},
};
use milena_core::{
    TopicPartition,
    error::ErrorKind,
    transport::{Membership, Reset},
};

/// When the offset to go on from was deleted, reading goes on at the oldest record there is, and that
/// is told.
pub async fn a_deleted_offset_becomes_the_oldest_record(fixture: &Fixture) {
    let Some((mut member, _)) = overtaken(fixture, Reset::Earliest).await else { return };

    assert_eq!(numbers(&member.read(5).await), [5, 6, 7, 8, 9]);
    assert_eq!(member.resets, [(2, 5)]);
}

/// The same with the policy to go on behind the newest record.
pub async fn a_deleted_offset_becomes_the_end(fixture: &Fixture) {
    let Some((mut member, place)) = overtaken(fixture, Reset::Latest).await else { return };
    member.until("it is reset", |member| !member.resets.is_empty()).await;

    fixture.send(numbered(&place.topic, 10..12)).await;

    assert_eq!(numbers(&member.read(2).await), [10, 11]);
    assert_eq!(member.resets, [(2, 10)]);
}

/// The same with the policy that this is an error, which names the partition and the offset.
pub async fn a_deleted_offset_is_an_error_if_that_is_wanted(fixture: &Fixture) {
    let Some((mut member, place)) = overtaken(fixture, Reset::Error).await else { return };

    let error = member.failure().await;
    member.close().await;

    assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error:?}");
    let message = error.to_string();
    let names = message.contains(&place.to_string()) && message.contains("offset 2");
    assert!(names, "{error:?} does not name `{place}` and offset 2");
}

/// A seek to a deleted offset is answered, and then follows the policy, under an epoch of its own.
pub async fn a_seek_to_a_deleted_offset_is_reset(fixture: &Fixture) {
    let Some(admin) = fixture.admin() else { return };
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let place = TopicPartition::new(topic.clone(), 0);
    fixture.send(numbered(&topic, 0..10)).await;
    let mut member = fixture.join(&group, &[&topic]).await;
    member.read(10).await;
    fixture.within("records are deleted", admin.delete_records(place.clone(), 6)).await;

    member.move_to(&place, 1).await;

    assert_eq!(numbers(&member.read(4).await), [6, 7, 8, 9]);
    assert_eq!(member.resets, [(1, 6)]);
}

/// So does one to an offset that no record has yet.
pub async fn a_seek_behind_the_end_is_reset(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let place = TopicPartition::new(topic.clone(), 0);
    fixture.send(numbered(&topic, 0..5)).await;
    let mut member = fixture.join(&group, &[&topic]).await;
    member.read(5).await;

    member.move_to(&place, 50).await;

    assert_eq!(numbers(&member.read(5).await), [0, 1, 2, 3, 4]);
    assert_eq!(member.resets, [(50, 0)]);
}

/// A member whose group has committed offset 2 of ten, when five are deleted.
async fn overtaken(fixture: &Fixture, policy: Reset) -> Option<(Member, TopicPartition)> {
    let admin = fixture.admin()?;
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let place = TopicPartition::new(topic.clone(), 0);
    fixture.send(numbered(&topic, 0..10)).await;
    let mut before = fixture.join(&group, &[&topic]).await;
    before.read(10).await;
    assert!(before.commit_at(vec![(place.clone(), 2)]).await.is_ok());
    before.close().await;
    fixture.within("records are deleted", admin.delete_records(place.clone(), 5)).await;
    let membership = Membership { reset: policy, ..fixture.membership(&group, &[&topic]) };
    Some((fixture.enter(membership).await, place))
}
