use crate::conformance::{
    Fixture,
    member::{Member, Phase},
    read::{numbered, numbers},
};
use milena_core::{
    TopicPartition,
    transport::{NewTopic, Pattern, Selection},
};
use std::{collections::BTreeSet, sync::Arc};

/// A topic that is selected later is read from then on, beside the others.
pub async fn a_topic_that_is_selected_later_is_read_too(fixture: &Fixture) {
    let (first, second) = (fixture.topic(1).await, fixture.topic(1).await);
    let group = fixture.name("group");
    fixture.send(numbered(&first, 0..5)).await;
    fixture.send(numbered(&second, 5..10)).await;
    let mut member = fixture.join(&group, &[&first]).await;
    assert_eq!(numbers(&member.read(5).await), [0, 1, 2, 3, 4]);

    member.select(Selection::topics([first.clone(), second]));
    assert_eq!(numbers(&member.read(5).await), [5, 6, 7, 8, 9]);
    fixture.send(numbered(&first, 10..11)).await;

    assert_eq!(numbers(&member.read(1).await), [10]);
}

/// A topic that is no longer selected is given up, and goes on where it was committed when it is
/// selected again.
pub async fn a_topic_that_is_no_longer_selected_is_given_up(fixture: &Fixture) {
    let (stays, goes) = (fixture.topic(1).await, fixture.topic(1).await);
    let group = fixture.name("group");
    fixture.send(numbered(&stays, 0..5)).await;
    fixture.send(numbered(&goes, 0..5)).await;
    let mut member = fixture.join(&group, &[&stays, &goes]).await;
    member.read(10).await;

    member.select(Selection::topics([stays.clone()]));
    reads_only(&mut member, &[(&stays, 0)]).await;
    fixture.send(numbered(&goes, 5..10)).await;
    fixture.send(numbered(&stays, 10..15)).await;
    assert_eq!(numbers(&member.read(5).await), [10, 11, 12, 13, 14]);
    member.select(Selection::topics([stays, goes]));

    assert_eq!(numbers(&member.read(5).await), [5, 6, 7, 8, 9]);
}

/// A pattern takes the topics whose whole name matches it, also those that are created later.
pub async fn a_pattern_takes_topics_when_they_come(fixture: &Fixture) {
    let (prefix, group) = (fixture.name("pattern"), fixture.name("group"));
    let topic = async |name: String, number: usize| {
        let topic: Arc<str> = name.into();
        fixture.create(NewTopic::new(topic.clone()).partitions(1)).await;
        fixture.send(numbered(&topic, number..number + 1)).await;
        topic
    };
    topic(format!("{prefix}.one"), 1).await;
    topic(format!("not-{prefix}.one"), 2).await;
    topic(prefix.to_string(), 3).await;
    let pattern = Pattern::new(format!(r"{prefix}\.[a-z]+"));
    let patterns = vec![pattern.unwrap_or_else(|error| panic!("{error}"))];
    let names = vec![topic(format!("named-{prefix}"), 4).await];
    let selection = Selection::Topics { names, patterns };
    let mut member = fixture.enter(fixture.reads(Some(&group), selection)).await;
    let mut read = numbers(&member.read(2).await);
    read.sort_unstable();
    assert_eq!(read, [1, 4]);

    topic(format!("{prefix}.later"), 5).await;

    assert_eq!(numbers(&member.read(1).await), [5]);
}

/// Partitions that a topic gets later are read, too.
pub async fn new_partitions_are_picked_up(fixture: &Fixture) {
    let Some(admin) = fixture.admin() else { return };
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    fixture.send(numbered(&topic, 0..5)).await;
    let mut member = fixture.join(&group, &[&topic]).await;
    member.read(5).await;

    fixture.within("the topic grows", admin.add_partitions(topic.clone(), 3)).await;
    reads_only(&mut member, &[(&topic, 0), (&topic, 1), (&topic, 2)]).await;

    assert!(member.records.is_empty(), "something was read twice: {:?}", member.records);
}

/// Runs the member until it reads these partitions and no other.
pub(super) async fn reads_only(member: &mut Member, partitions: &[(&Arc<str>, i32)]) {
    let named = |places: Vec<TopicPartition>| -> BTreeSet<String> {
        places.iter().map(ToString::to_string).collect()
    };
    let wanted = partitions.iter().map(|&(topic, n)| TopicPartition::new(topic.clone(), n));
    let wanted = named(wanted.collect());
    let what = format!("the member reads only {wanted:?}");
    member
        .until(&what, |member| {
            named(member.in_phase(Phase::Reading)) == wanted && member.held().len() == wanted.len()
        })
        .await;
}
