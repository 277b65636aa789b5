use crate::conformance::{Fixture, drive, member::Phase};
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::{Event, NewTopic, StartAt},
};
use std::future::poll_fn;

/// To create a topic that exists is no error and changes nothing.
pub async fn creating_a_topic_twice_is_fine(fixture: &Fixture) {
    let topic = fixture.topic(2).await;
    fixture.send(vec![ProducerRecord::new(topic.clone()).partition(1)]).await;

    fixture.create(NewTopic::new(topic.clone()).partitions(2)).await;

    let next = fixture.send(vec![ProducerRecord::new(topic).partition(1)]).await;
    assert_eq!(next[0].offset, 1);
}

/// A topic has as many partitions as were asked for, and each of them is assigned.
pub async fn a_topic_has_the_partitions_it_was_created_with(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(3).await, fixture.name("group"));

    let mut member = fixture.join(&group, &[&topic]).await;
    member.until_reading(3).await;
    drive::look(&mut [&mut member]).await;

    let mut partitions: Vec<i32> =
        member.in_phase(Phase::Reading).iter().map(|place| place.partition).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [0, 1, 2]);
}

/// Where topics do not come into being by themselves, the error for one that does not exist names it:
/// that of a record, and that of a subscription.
pub async fn an_unknown_topic_is_named(fixture: &Fixture) {
    if !fixture.guarantees.refuses_unknown_topics {
        return;
    }
    let topic = fixture.name("unknown");
    let check = |error: &Error| {
        assert_eq!(error.kind(), ErrorKind::UnknownTopic, "{error:?}");
        assert!(error.to_string().contains(&*topic), "{error:?} does not name `{topic}`");
    };

    check(&fixture.refusal(ProducerRecord::new(topic.clone())).await);

    let group = fixture.name("group");
    let mut consumer = fixture.consumer(&group, &[&topic], StartAt::Earliest).await;
    let failure = poll_fn(|cx| consumer.poll_event(cx).map(failure));
    check(&fixture.within("the consumer has failed", failure).await);
}

fn failure(event: Event) -> Error {
    match event {
        Event::Failed(error) => error,
        event => panic!("the consumer did not fail at first, but: {event:?}"),
    }
}
