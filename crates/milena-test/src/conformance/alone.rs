use crate::conformance::{
    Fixture,
    read::{numbered, numbered_for, numbers},
    select::reads_only,
};
use milena_core::{TopicPartition, error::ErrorKind, transport::Selection};

/// Partitions that are named are read by everybody who named them, and by nobody else's leave; the
/// group keeps what is committed.
pub async fn named_partitions_are_read_by_everybody(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(3).await, fixture.name("group"));
    let places = [0, 1, 2].map(|partition| TopicPartition::new(topic.clone(), partition));
    for (n, place) in places.iter().enumerate() {
        fixture.send(numbered_for(place, 10 * n..10 * n + 5)).await;
    }
    let enter = async || {
        let selection = Selection::Partitions(places[1..].to_vec());
        fixture.enter(fixture.reads(Some(&group), selection)).await
    };
    let (mut first, mut second) = (enter().await, enter().await);

    for member in [&mut first, &mut second] {
        let mut read = numbers(&member.read(10).await);
        read.sort_unstable();
        assert_eq!(read, [10, 11, 12, 13, 14, 20, 21, 22, 23, 24]);
    }
    first.commit_and_close().await;
    second.close().await;
    fixture.send(numbered_for(&places[2], 25..26)).await;
    fixture.send(numbered_for(&places[0], 5..6)).await;

    let mut third = enter().await;
    assert_eq!(numbers(&third.read(1).await), [25]);
}

/// Who named partitions may name others later.
pub async fn other_partitions_can_be_named_later(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(3).await, fixture.name("group"));
    let places = [0, 1, 2].map(|partition| TopicPartition::new(topic.clone(), partition));
    for (n, place) in places.iter().enumerate() {
        fixture.send(numbered_for(place, 10 * n..10 * n + 5)).await;
    }
    let selection = Selection::Partitions(places[..2].to_vec());
    let mut member = fixture.enter(fixture.reads(Some(&group), selection)).await;
    member.read(10).await;

    member.select(Selection::Partitions(places[1..].to_vec()));
    reads_only(&mut member, &[(&topic, 1), (&topic, 2)]).await;

    assert_eq!(numbers(&member.read(5).await), [20, 21, 22, 23, 24]);
    fixture.send(numbered_for(&places[0], 5..6)).await;
    fixture.send(numbered_for(&places[1], 15..16)).await;
    assert_eq!(numbers(&member.read(1).await), [15]);
}

/// Consumers without a group read every partition, each of them, and also partitions that come later.
pub async fn consumers_without_a_group_read_everything(fixture: &Fixture) {
    let topic = fixture.topic(2).await;
    let place = |partition| TopicPartition::new(topic.clone(), partition);
    fixture.send(numbered_for(&place(0), 0..5)).await;
    fixture.send(numbered_for(&place(1), 5..10)).await;
    let enter =
        async || fixture.enter(fixture.reads(None, Selection::topics([topic.clone()]))).await;
    let mut members = [enter().await, enter().await];

    for member in &mut members {
        let mut read = numbers(&member.read(10).await);
        read.sort_unstable();
        assert_eq!(read, (0..10).collect::<Vec<_>>());
    }
    let Some(admin) = fixture.admin() else { return };
    fixture.within("the topic grows", admin.add_partitions(topic.clone(), 3)).await;
    for member in &mut members {
        reads_only(member, &[(&topic, 0), (&topic, 1), (&topic, 2)]).await;
    }
    fixture.send(numbered_for(&place(2), 10..11)).await;
    for member in &mut members {
        assert_eq!(numbers(&member.read(1).await), [10]);
    }
}

/// A consumer without a group reads the partitions that it named.
pub async fn named_partitions_need_no_group(fixture: &Fixture) {
    let topic = fixture.topic(2).await;
    let place = TopicPartition::new(topic.clone(), 1);
    fixture.send(numbered(&topic, 0..5)).await;
    fixture.send(numbered_for(&place, 5..10)).await;

    let selection = Selection::Partitions(vec![place]);
    let mut member = fixture.enter(fixture.reads(None, selection)).await;

    assert_eq!(numbers(&member.read(5).await), [5, 6, 7, 8, 9]);
}

/// Without a group there is nothing to commit to, which is an error, and nothing is committed.
pub async fn a_commit_without_a_group_is_an_error(fixture: &Fixture) {
    let topic = fixture.topic(1).await;
    let place = TopicPartition::new(topic.clone(), 0);
    fixture.send(numbered(&topic, 0..5)).await;
    let selection = Selection::topics([topic]);
    let mut member = fixture.enter(fixture.reads(None, selection)).await;
    member.read(5).await;

    let answer = member.commit_at(vec![(place.clone(), 5)]).await;
    let committed = member.lookup().committed(vec![place]).await;

    assert_eq!(answer.err().map(|error| error.kind()), Some(ErrorKind::Config));
    assert!(matches!(committed.as_deref(), Ok([None])), "{committed:?}");
}
