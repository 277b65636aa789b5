use crate::conformance::{
    Fixture, drive,
    member::Phase,
    read::{numbered, numbers},
};
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::{Creation, Event, NewTopic, StartAt, TopicDescription},
};
use std::{future::poll_fn, time::Duration};

/// To create a topic that exists is no error and changes nothing.
pub async fn creating_a_topic_twice_is_fine(fixture: &Fixture) {
    let topic = fixture.topic(2).await;
    fixture.send(vec![ProducerRecord::new(topic.clone()).partition(1)]).await;

    let again = fixture.create(NewTopic::new(topic.clone()).partitions(2)).await;

    assert_eq!(again, Creation::Existed);
    let next = fixture.send(vec![ProducerRecord::new(topic).partition(1)]).await;
    assert_eq!(next[0].offset, 1);
}

/// Of each topic it is said what became of it: it was created, or exists as it was asked for.
pub async fn what_became_of_each_topic_is_said(fixture: &Fixture) {
    let names = [fixture.name("topic"), fixture.name("topic")];
    let retention = Duration::from_hours(3);
    let full = NewTopic::new(names[0].clone()).partitions(3).replication(1).retention(retention);
    let topics = vec![full.compacted(), NewTopic::new(names[1].clone())];
    let create = async || {
        fixture
            .done("the topics are created", fixture.transport.create_topics(topics.clone()))
            .await
    };

    assert_eq!(create().await, [Creation::Created, Creation::Created]);
    assert_eq!(create().await, [Creation::Existed, Creation::Existed]);
}

/// A topic that exists and is another stays as it is, and what differs is said.
pub async fn what_differs_of_a_topic_is_said(fixture: &Fixture) {
    let topic = fixture.name("topic");
    let retention = |hours| NewTopic::new(topic.clone()).retention(Duration::from_hours(hours));
    fixture.create(retention(3).partitions(2)).await;

    let more = fixture.create(retention(3).partitions(5)).await;
    let longer = fixture.create(retention(7)).await;
    let same = fixture.create(retention(3).partitions(2)).await;

    let (Creation::Differs(more), Creation::Differs(longer)) = (&more, &longer) else {
        panic!("it does not differ, but is {more:?} and {longer:?}")
    };
    let names = |what: &str, parts: [&str; 2]| parts.iter().all(|part| what.contains(part));
    assert!(names(more, ["2", "5"]), "`{more}` does not tell of 2 and 5 partitions");
    assert!(names(longer, ["retention.ms", "25200000"]), "`{longer}` does not tell of retention");
    assert_eq!(same, Creation::Existed);
}

/// Topics are described as the broker has them; one that does not exist is nothing, and stays so.
pub async fn topics_are_described(fixture: &Fixture) {
    let (topic, missing) = (fixture.topic(3).await, fixture.name("missing"));

    let asked = fixture.transport.describe_topics(vec![missing, topic.clone()]);
    let described = fixture.done("the topics are described", asked).await;

    let description = TopicDescription { name: topic, partitions: 3, replication: 1 };
    assert_eq!(described, [None, Some(description)]);
}

/// A producer knows how many partitions a topic has.
pub async fn a_producer_counts_the_partitions_of_a_topic(fixture: &Fixture) {
    let topic = fixture.topic(4).await;
    let producer = fixture.producer().await;

    let partitions = fixture.done("they are counted", producer.partitions(topic)).await;

    assert_eq!(partitions, 4);
}

/// A topic that is deleted and created again is read from its new beginning, by the same member.
pub async fn a_topic_that_is_created_again_begins_anew(fixture: &Fixture) {
    let Some(admin) = fixture.admin() else { return };
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    fixture.send(numbered(&topic, 0..5)).await;
    let mut member = fixture.join(&group, &[&topic]).await;
    assert_eq!(numbers(&member.read(5).await), [0, 1, 2, 3, 4]);
    member.commit().await;
    // The topic may be gone when what was read of it is to be committed once more.
    member.forgets = true;

    fixture.within("the topic is deleted", admin.delete_topic(topic.clone())).await;
    fixture.create(NewTopic::new(topic.clone()).partitions(1)).await;
    fixture.send(numbered(&topic, 100..102)).await;

    assert_eq!(numbers(&member.read(2).await), [100, 101]);
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
