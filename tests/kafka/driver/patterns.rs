use super::{cluster::delete, member::Member};
use crate::kit::{fill, kafka, topic, unique};
use milena_core::transport::{
    ConsumerConfig, Membership, NewTopic, Pattern, Selection, StartAt, Transport as _,
};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{sync::Arc, time::Duration};

type With = fn(Kafka) -> Kafka;

fn protocols() -> [(&'static str, With); 3] {
    [
        ("cooperative", |kafka| kafka),
        ("eager", |kafka| kafka.set("partition.assignment.strategy", "range")),
        ("by broker", |kafka| kafka.group_protocol(GroupProtocol::Consumer)),
    ]
}

fn often(kafka: Kafka) -> Kafka {
    kafka.set("topic.metadata.refresh.interval.ms", "500")
}

fn matching(names: &[&Arc<str>], pattern: &str) -> Membership {
    let names = names.iter().map(|name| (*name).clone()).collect();
    let patterns = vec![Pattern::new(pattern).unwrap()];
    Membership {
        selection: Selection::Topics { names, patterns },
        ..Membership::new(unique("pattern"), Vec::<&str>::new())
    }
}

async fn create(kafka: &Kafka, name: &str) -> Arc<str> {
    let name: Arc<str> = name.into();
    kafka.create_topics(vec![NewTopic::new(name.clone()).partitions(2)]).await.unwrap();
    name
}

#[tokio::test]
async fn topics_are_read_when_they_match_and_come_and_go() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with).map(often) else { return };
        let prefix = unique("logs");
        let one = create(&kafka, &format!("{prefix}.one")).await;
        let other = create(&kafka, &format!("all.{prefix}.other")).await;
        let named = topic(&kafka, "named", 1).await;
        for topic in [&one, &other] {
            fill(&kafka, topic, 2, 0..5).await;
        }
        let start = StartAt::Latest;
        let membership = matching(&[&named], &format!(r"{prefix}\.{{level}}"));
        let mut member = Member::with(&kafka, Membership { start, ..membership }).await;
        member.until(|member| member.owned.len() == 3).await;
        // What was there before is not read; all of what comes is.
        let two = create(&kafka, &format!("{prefix}.two")).await;
        fill(&kafka, &two, 2, 0..5).await;
        member.until(|member| member.read.len() == 10).await;
        assert_eq!(member.owned.len(), 5, "{name}");

        delete(&one).await;
        member.until(|member| member.owned.len() == 3).await;
        fill(&kafka, &two, 2, 5..6).await;
        member.until(|member| member.read.len() == 12).await;

        let mut topics: Vec<_> = member.owned.keys().map(|(topic, _)| topic.clone()).collect();
        topics.dedup();
        assert_eq!(topics, [two, named], "{name}");
        assert!(member.failure.is_none(), "{name}: {:?}", member.failure);
        member.close(Duration::from_secs(10)).await;
    }
}

#[tokio::test]
async fn a_pattern_that_matches_nothing_waits() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with).map(often) else { return };
        let prefix = unique("later");

        let idle = Member::with(&kafka, matching(&[], &prefix)).await;
        let took = idle.close(Duration::from_secs(10)).await;
        assert!(took < Duration::from_secs(6), "{name}: {took:?}");
        let mut member = Member::with(&kafka, matching(&[], &prefix)).await;
        member.run_for(Duration::from_secs(2)).await;
        assert!(
            member.owned.is_empty() && member.failure.is_none(),
            "{name}: {:?}",
            member.failure
        );
        let topic = create(&kafka, &prefix).await;
        fill(&kafka, &topic, 2, 0..5).await;
        member.until(|member| member.read.len() == 10).await;
    }
}

#[tokio::test]
async fn topics_of_kafka_match_only_if_they_are_not_excluded() {
    let Some(kafka) = kafka().map(often) else { return };
    // There is such a topic as soon as a group has committed something.
    let topic = topic(&kafka, "internal", 1).await;
    fill(&kafka, &topic, 1, 0..1).await;
    let mut first = Member::join(&kafka, &unique("internal"), &[&topic]).await;
    first.until(|first| first.read.len() == 1).await;
    first.commit();
    first.until(|first| !first.is_committing()).await;

    let mut without = Member::with(&kafka, matching(&[&topic], "__consumer_offsets")).await;
    without.until(|without| without.owned.len() == 1).await;
    without.run_for(Duration::from_secs(2)).await;
    let config = ConsumerConfig::new().set("exclude.internal.topics", "false");
    let membership = matching(&[&topic], "__consumer_offsets");
    let start = StartAt::Latest;
    let mut with = Member::with(&kafka, Membership { config, start, ..membership }).await;
    with.until(|with| with.owned.len() > 1).await;

    assert_eq!(without.owned.len(), 1);
}

#[tokio::test]
async fn other_patterns_are_selected() {
    let Some(kafka) = kafka().map(often) else { return };
    let prefix = unique("select");
    let one = create(&kafka, &format!("{prefix}.one")).await;
    let two = create(&kafka, &format!("{prefix}.two")).await;
    fill(&kafka, &one, 2, 0..5).await;
    fill(&kafka, &two, 2, 0..5).await;
    let mut member = Member::with(&kafka, matching(&[], &format!(r"{prefix}\.o.*"))).await;
    member.until(|member| member.read.len() == 10).await;
    member.commit();
    member.until(|member| !member.is_committing()).await;

    let patterns = vec![Pattern::new(format!(r"{prefix}\..*")).unwrap()];
    member.consumer.select(Selection::Topics { names: Vec::new(), patterns });
    member.until(|member| member.owned.len() == 4 && member.read.len() == 20).await;
    member.run_for(Duration::from_millis(500)).await;

    assert_eq!(member.revokes, 0, "what is still selected is kept");
    assert_eq!(member.read.len(), 20);
}
