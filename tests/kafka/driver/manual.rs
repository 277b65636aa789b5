use super::{
    cluster::{delete, more_partitions},
    member::{Member, all},
};
use crate::kit::{fill, kafka, topic, unique};
use milena_core::{
    TopicPartition,
    error::ErrorKind,
    transport::{Event, Membership, NewTopic, Pattern, Selection, StartAt, Transport as _},
};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{sync::Arc, time::Duration};

const WITHIN: Duration = Duration::from_secs(10);

fn without_group(selection: Selection) -> Membership {
    Membership { group: None, selection, ..Membership::new("", Vec::<&str>::new()) }
}

fn partitions(topic: &Arc<str>, partitions: &[i32]) -> Selection {
    let at = |partition: &i32| TopicPartition::new(topic.clone(), *partition);
    Selection::Partitions(partitions.iter().map(at).collect())
}

#[tokio::test]
async fn readers_without_a_group_read_everything_each() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "alone", 4).await;
    fill(&kafka, &topic, 4, 0..100).await;
    let membership = without_group(Selection::topics([topic.clone()]));
    let mut one = Member::with(&kafka, membership.clone()).await;
    let mut two = Member::with(&kafka, Membership { start: StartAt::Latest, ..membership }).await;

    one.until(|one| one.read.len() == 400).await;
    two.until(|two| two.owned.len() == 4).await;
    two.run_for(Duration::from_millis(500)).await;
    fill(&kafka, &topic, 4, 100..110).await;
    one.until(|one| one.read.len() == 440).await;
    two.until(|two| two.read.len() == 40).await;

    assert_eq!(one.sorted(), all(4, 0..110));
    assert_eq!(two.sorted(), all(4, 100..110));
    one.consumer.commit(vec![(TopicPartition::new(topic.clone(), 0), 1)]);
    let refused = loop {
        match one.event().await {
            Event::Committed(result) => break result.unwrap_err(),
            event => one.answer(event),
        }
    };
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.to_string().contains("there is no group"), "{refused}");
    let lookup = one.consumer.lookup();
    let at = vec![TopicPartition::new(topic, 0)];
    assert_eq!(lookup.committed(at.clone()).await.unwrap(), [None]);
    assert_eq!(lookup.bounds(at).await.unwrap()[0], 0..110);
    let took = one.close(WITHIN).await;
    println!("closed in {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    two.close(WITHIN).await;
}

#[tokio::test]
async fn a_reader_without_a_group_sees_partitions_and_topics_come_and_go() {
    let Some(kafka) = kafka() else { return };
    let kafka = kafka.set("topic.metadata.refresh.interval.ms", "500");
    let prefix = unique("come");
    let create = async |name: String| {
        let name: Arc<str> = name.into();
        kafka.create_topics(vec![NewTopic::new(name.clone()).partitions(1)]).await.unwrap();
        fill(&kafka, &name, 1, 0..5).await;
        name
    };
    let one = create(format!("{prefix}.one")).await;
    let patterns = vec![Pattern::new(format!(r"{prefix}\..*")).unwrap()];
    let selection = Selection::Topics { names: Vec::new(), patterns };
    let start = StartAt::Latest;
    let mut member = Member::with(&kafka, Membership { start, ..without_group(selection) }).await;
    member.until(|member| member.owned.len() == 1).await;
    member.run_for(Duration::from_millis(300)).await;

    more_partitions(&one, 2).await;
    fill(&kafka, &one, 2, 5..10).await;
    member.until(|member| member.read.len() == 10).await;
    let two = create(format!("{prefix}.two")).await;
    member.until(|member| member.read.len() == 15).await;
    delete(&one).await;
    member.until(|member| member.owned.len() == 1).await;

    assert_eq!(member.owned.keys().next(), Some(&(two, 0)));
    assert!(member.lost.is_empty() && member.failure.is_none());
}

#[tokio::test]
async fn partitions_that_are_named_are_read_for_a_group() {
    let protocols: [(&str, fn(Kafka) -> Kafka); 2] = [
        ("classic", |kafka| kafka),
        ("by broker", |kafka| kafka.group_protocol(GroupProtocol::Consumer)),
    ];
    for (name, with) in protocols {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "named", 4).await;
        fill(&kafka, &topic, 4, 0..10).await;
        let group = unique("named");
        let membership = Membership {
            selection: partitions(&topic, &[1, 3]),
            ..Membership::new(group.clone(), Vec::<&str>::new())
        };
        let mut one = Member::with(&kafka, membership.clone()).await;
        one.until(|one| one.read.len() == 20).await;
        one.owned.values_mut().for_each(|(_, next)| *next = Some(7));
        one.commit();
        one.until(|one| !one.is_committing()).await;
        let took = one.close(WITHIN).await;
        assert!(took < Duration::from_secs(2), "{name}: {took:?}");

        let mut two = Member::with(&kafka, membership).await;
        two.until(|two| two.read.len() == 6).await;
        two.run_for(Duration::from_millis(300)).await;
        assert_eq!(two.sorted(), [(1, 7), (1, 8), (1, 9), (3, 7), (3, 8), (3, 9)], "{name}");

        // Others are read instead, and what is kept goes on.
        two.consumer.select(partitions(&topic, &[0, 3]));
        two.until(|two| two.read.len() == 16).await;
        fill(&kafka, &topic, 4, 10..11).await;
        two.until(|two| two.read.len() == 18).await;
        two.run_for(Duration::from_millis(300)).await;
        assert_eq!(two.read.len(), 18, "{name}");
        assert_eq!(two.owned.len(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_partition_that_does_not_exist_is_a_failure_that_names_it() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "missing", 2).await;
    fill(&kafka, &topic, 2, 0..5).await;
    let mut member = Member::with(&kafka, without_group(partitions(&topic, &[0, 7]))).await;

    member.until(|member| member.read.len() == 5).await;
    member.until(|member| member.failure.is_some()).await;

    let failure = member.failure.take().unwrap();
    assert_eq!(failure.kind(), ErrorKind::UnknownTopic);
    assert!(failure.to_string().contains(&format!("`{topic}/7`")), "{failure}");
    member.close(WITHIN).await;
}

#[tokio::test]
async fn a_reader_without_a_group_closes_at_any_time() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "close", 2).await;
    let membership = without_group(Selection::topics([topic.clone()]));

    let early = Member::with(&kafka, membership.clone()).await.close(WITHIN).await;
    let mut unanswered = Member::with(&kafka, membership.clone()).await;
    while !matches!(unanswered.event().await, Event::Assigned(_)) {}
    let unanswered = unanswered.close(WITHIN).await;
    let missing = without_group(Selection::topics([unique("missing")]));
    let missing = Member::with(&kafka, missing).await.close(WITHIN).await;

    println!("{early:?} {unanswered:?} {missing:?}");
    assert!(early.max(unanswered).max(missing) < Duration::from_secs(2));
}
