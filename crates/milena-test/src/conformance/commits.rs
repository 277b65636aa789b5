use crate::conformance::{
    Fixture, drive,
    member::Phase,
    read::{numbered, numbered_for, numbers},
};
use milena_core::{TopicPartition, error::ErrorKind};

/// A commit is answered, and only once.
pub async fn a_commit_is_answered_once(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    fixture.send(numbered(&topic, 0..10)).await;
    let mut member = fixture.join(&group, &[&topic]).await;
    member.read(10).await;

    // The member itself checks that no answer comes without a commit.
    for _ in 0..3 {
        member.commit().await;
    }
    drive::look(&mut [&mut member]).await;
}

/// A group goes on at its committed offset, which need not be the last that was read.
pub async fn a_group_resumes_at_its_committed_offset(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let place = TopicPartition::new(topic.clone(), 0);
    fixture.send(numbered(&topic, 0..10)).await;
    let mut first = fixture.join(&group, &[&topic]).await;
    first.read(10).await;
    first.commit_at(vec![(place, 4)]).await.unwrap_or_else(|error| panic!("{error:?}"));
    first.close().await;

    let mut second = fixture.join(&group, &[&topic]).await;

    assert_eq!(numbers(&second.read(6).await), (4..10).collect::<Vec<_>>());
}

/// Two groups each read everything, and the commits of one are not the other's.
pub async fn two_groups_read_and_commit_on_their_own(fixture: &Fixture) {
    let topic = fixture.topic(1).await;
    let groups = [fixture.name("group"), fixture.name("group")];
    fixture.send(numbered(&topic, 0..10)).await;

    for group in &groups {
        let mut member = fixture.join(group, &[&topic]).await;
        assert_eq!(numbers(&member.read(10).await), (0..10).collect::<Vec<_>>());
        member.commit_and_close().await;
    }
}

/// A consumer is told of the end of a partition that lies behind offsets without a record, so that
/// its group can commit that it is done with all of them.
pub async fn a_group_can_commit_past_a_trailing_hole(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let place = TopicPartition::new(topic.clone(), 0);
    fixture.send(numbered(&topic, 0..3)).await;
    if !fixture.make_hole(place.clone()).await {
        return;
    }
    let mut first = fixture.join(&group, &[&topic]).await;
    first
        .until("the position lies behind the hole", |member| {
            member.positions().iter().any(|(_, offset)| *offset > 3)
        })
        .await;
    let end = first.positions()[0].1;
    assert_eq!(numbers(&first.records), [0, 1, 2]);
    first.commit_and_close().await;

    let mut second = fixture.join(&group, &[&topic]).await;
    let delivered = fixture.send(numbered_for(&place, 3..4)).await;

    assert_eq!(numbers(&second.read(1).await), [3]);
    assert_eq!(delivered[0].offset, end);
}

/// Where a driver says so, a commit for what is another member's is refused and changes nothing.
pub async fn a_commit_of_what_is_another_members_is_refused(fixture: &Fixture) {
    if !fixture.guarantees.refuses_commits_of_others {
        return;
    }
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    let mut first = fixture.join(&group, &[&topic]).await;
    first.until_reading(2).await;
    let mut second = fixture.join(&group, &[&topic]).await;
    drive::together(&mut [&mut first, &mut second], "each has a partition", |members| {
        members.iter().all(|member| member.in_phase(Phase::Reading).len() == 1)
    })
    .await;
    let others = second.in_phase(Phase::Reading)[0].clone();
    fixture.send(numbered_for(&others, 0..5)).await;

    let answer = first.commit_at(vec![(others, 3)]).await;
    second.close().await;

    assert_eq!(answer.err().map(|error| error.kind()), Some(ErrorKind::Fenced));
    assert_eq!(numbers(&first.read(5).await), (0..5).collect::<Vec<_>>());
}
