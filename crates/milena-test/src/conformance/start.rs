use crate::conformance::{
    Fixture,
    produce::now,
    read::{numbered, numbers, only_new},
};
use milena_core::{TopicPartition, error::ErrorKind, reply::ProducerRecord, transport::StartAt};
use std::{sync::Arc, time::Duration};

const MINUTE: i64 = 60_000;

/// A new group begins at the first record of a time or a later one.
pub async fn a_new_group_begins_at_a_time(fixture: &Fixture) {
    let topic = aged(fixture).await;
    let group = fixture.name("group");

    let start = StartAt::Time(now() - 25 * MINUTE);
    let mut member = fixture.join_at(&group, &[&topic], start).await;

    assert_eq!(numbers(&member.read(2).await), [1, 2]);
}

/// A new group begins behind the newest record when there is none of that time.
pub async fn a_new_group_begins_at_the_end_when_no_record_is_so_young(fixture: &Fixture) {
    let topic = aged(fixture).await;
    let group = fixture.name("group");

    let start = StartAt::Time(now() - 5 * MINUTE);
    let mut member = fixture.join_at(&group, &[&topic], start).await;

    only_new(fixture, &mut member, &topic, 3).await;
}

/// A new group begins at the first record that is not older than it says.
pub async fn a_new_group_begins_so_long_ago(fixture: &Fixture) {
    let topic = aged(fixture).await;
    let group = fixture.name("group");

    let start = StartAt::Ago(Duration::from_mins(15));
    let mut member = fixture.join_at(&group, &[&topic], start).await;

    assert_eq!(numbers(&member.read(1).await), [2]);
}

/// A new group begins at the offsets it says, and else at the oldest record.
pub async fn a_new_group_begins_at_offsets(fixture: &Fixture) {
    let (named, other) = (aged(fixture).await, aged(fixture).await);
    let group = fixture.name("group");

    let start = StartAt::Offsets(vec![(TopicPartition::new(named.clone(), 0), 2)]);
    let mut member = fixture.join_at(&group, &[&named, &other], start).await;

    let read = member.read(4).await;
    let of = |topic: &Arc<str>| {
        let of_it: Vec<_> =
            read.iter().filter(|record| *record.topic() == **topic).cloned().collect();
        numbers(&of_it)
    };
    assert_eq!((of(&named), of(&other)), (vec![2], vec![0, 1, 2]));
}

/// What is committed goes before where a new group begins.
pub async fn a_committed_offset_goes_before_the_start(fixture: &Fixture) {
    let topic = aged(fixture).await;
    let (group, place) = (fixture.name("group"), TopicPartition::new(topic.clone(), 0));
    let mut before = fixture.join(&group, &[&topic]).await;
    before.read(3).await;
    assert!(before.commit_at(vec![(place.clone(), 1)]).await.is_ok());
    before.close().await;

    for start in [StartAt::Committed, StartAt::Latest, StartAt::Offsets(vec![(place, 0)])] {
        let mut member = fixture.join_at(&group, &[&topic], start.clone()).await;
        assert_eq!(numbers(&member.read(2).await), [1, 2], "{start:?}");
        // It goes without a commit.
        member.finish();
        member.close().await;
    }
}

/// Where that is asked for, it is an error that nothing is committed, and the error names the partition.
pub async fn to_have_committed_nothing_can_be_an_error(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    fixture.send(numbered(&topic, 0..3)).await;

    let mut member = fixture.join_at(&group, &[&topic], StartAt::Committed).await;
    let error = member.failure().await;
    member.close().await;

    assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error:?}");
    assert!(error.to_string().contains(&*topic), "{error:?} does not name `{topic}`");
}

/// A topic with three records, of thirty, twenty and ten minutes ago.
async fn aged(fixture: &Fixture) -> Arc<str> {
    let topic = fixture.topic(1).await;
    let now = now();
    let record = |(n, minutes): (i32, i64)| {
        let record = ProducerRecord::new(topic.clone()).partition(0).value(n.to_string());
        record.timestamp(now - minutes * MINUTE)
    };
    fixture.send((0..).zip([30, 20, 10]).map(record).collect()).await;
    topic
}
