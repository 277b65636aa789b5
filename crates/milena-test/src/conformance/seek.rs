use crate::conformance::{
    Fixture, drive,
    member::Phase,
    park::{of, parked},
    read::{numbered, numbered_for, numbers},
};
use milena_core::TopicPartition;

/// A member reads on where it sought, forth and back, each time under a new epoch, and nothing that
/// was read before comes behind the answer.
pub async fn a_member_reads_on_where_it_sought(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let place = TopicPartition::new(topic.clone(), 0);
    fixture.send(numbered(&topic, 0..1000)).await;
    let mut member = fixture.join(&group, &[&topic]).await;
    member.read(1).await;

    // The member itself checks the epochs.
    for start in [900, 0, 500] {
        member.move_to(&place, start).await;
        let start = usize::try_from(start).unwrap_or(0);
        let read = member.read(1000 - start).await;
        assert_eq!(numbers(&read), (start..1000).collect::<Vec<_>>());
    }
}

/// A seek right behind `assign` counts, before anything was read.
pub async fn a_seek_before_the_first_record_counts(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    fixture.send(numbered(&topic, 0..100)).await;
    let mut member = fixture.join(&group, &[&topic]).await;
    member.assigns = false;
    member.until("it is assigned", |member| !member.in_phase(Phase::Assigned).is_empty()).await;

    member.assign(None);
    member.move_to(&TopicPartition::new(topic, 0), 60).await;

    assert_eq!(numbers(&member.read(40).await), (60..100).collect::<Vec<_>>());
}

/// Seeks are answered in their order, the last one of a partition counts, and one of what is not the
/// member's own is not answered.
pub async fn seeks_are_answered_in_their_order(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    let [left, right] = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
    fixture.send(numbered_for(&left, 0..100)).await;
    fixture.send(numbered_for(&right, 0..100)).await;
    let mut member = fixture.join(&group, &[&topic]).await;
    member.until_reading(2).await;
    member.read(1).await;

    member.seek(vec![(left.clone(), 10), (right.clone(), 20)]);
    member.seek(vec![(TopicPartition::new(topic, 7), 0), (left.clone(), 30)]);
    member.until_moved().await;
    member
        .until("it has read both", |member| {
            member.positions().iter().all(|(_, offset)| *offset == 100)
        })
        .await;

    assert_eq!(numbers(&of(&member, &left)), (30..100).collect::<Vec<_>>());
    // Of the other one something may have come before the last answer.
    let read = numbers(&of(&member, &right));
    assert!(read.iter().all(|number| *number >= 20), "{read:?}");
}

/// A partition that is held back moves and stays held back.
pub async fn a_parked_partition_moves_and_stays_parked(fixture: &Fixture) {
    let (mut member, [parked, _]) = parked(fixture).await;

    member.move_to(&parked, 600).await;
    drive::look(&mut [&mut member]).await;
    assert!(of(&member, &parked).is_empty(), "it delivers\n{}", member.story());
    member.unpark(&parked);
    member.until("it is read", |member| of(member, &parked).len() == 400).await;

    assert_eq!(numbers(&of(&member, &parked)), (600..1000).collect::<Vec<_>>());
}
