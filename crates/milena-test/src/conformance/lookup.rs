use crate::conformance::{
    Fixture,
    produce::now,
    read::{numbered, numbered_for},
};
use milena_core::{Error, TopicPartition, reply::ProducerRecord, transport::BoxFuture};

/// What the group has committed is found, and nothing is found where there is nothing.
pub async fn a_lookup_finds_what_is_committed(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    let places = [1, 0].map(|partition| TopicPartition::new(topic.clone(), partition));
    fixture.send(numbered_for(&places[0], 0..5)).await;
    let mut member = fixture.join(&group, &[&topic]).await;
    let lookup = member.lookup();
    member.read(5).await;

    let before = ask(fixture, lookup.committed(places.to_vec())).await;
    member.commit_at(vec![(places[0].clone(), 3)]).await.unwrap_or_else(|error| panic!("{error}"));
    let after = ask(fixture, lookup.committed(places.to_vec())).await;

    assert_eq!((before, after), (vec![None, None], vec![Some(3), None]));
}

/// The bounds of a partition are its oldest record and its end, and deleting moves them.
pub async fn a_lookup_finds_the_bounds(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(2).await, fixture.name("group"));
    let places = [1, 0].map(|partition| TopicPartition::new(topic.clone(), partition));
    fixture.send(numbered(&topic, 0..10)).await;
    let member = fixture.join(&group, &[&topic]).await;
    let lookup = member.lookup();

    assert_eq!(ask(fixture, lookup.bounds(places.to_vec())).await, [0..0, 0..10]);
    let Some(admin) = fixture.admin() else { return };
    fixture.within("records are deleted", admin.delete_records(places[1].clone(), 4)).await;

    assert_eq!(ask(fixture, lookup.bounds(places.to_vec())).await, [0..0, 4..10]);
}

/// The offset of a time is that of the first record that is not older, if there is one.
pub async fn a_lookup_finds_times(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let place = TopicPartition::new(topic.clone(), 0);
    let base = now() - 3_600_000;
    let record =
        |after: i64| ProducerRecord::new(topic.clone()).partition(0).timestamp(base + after);
    fixture.send([100, 200, 300].map(record).to_vec()).await;
    let member = fixture.join(&group, &[&topic]).await;
    let lookup = member.lookup();

    for (after, offset) in [(0, Some(0)), (200, Some(1)), (201, Some(2)), (301, None)] {
        let time = vec![(place.clone(), base + after)];
        assert_eq!(ask(fixture, lookup.at_time(time)).await, [offset], "{after} ms later");
    }
}

async fn ask<T>(fixture: &Fixture, question: BoxFuture<'_, Result<T, Error>>) -> T {
    fixture.done("the lookup answers", question).await
}
