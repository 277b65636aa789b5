use super::member::Member;
use crate::kit::{fill, kafka, topic, unique};
use milena_core::{
    TopicPartition,
    error::ErrorKind,
    transport::{Membership, Selection},
};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::time::Duration;

type With = fn(Kafka) -> Kafka;

fn protocols() -> [(&'static str, With); 3] {
    [
        ("cooperative", |kafka| kafka),
        ("eager", |kafka| kafka.set("partition.assignment.strategy", "range")),
        ("by broker", |kafka| kafka.group_protocol(GroupProtocol::Consumer)),
    ]
}

fn topics(member: &Member) -> Vec<&str> {
    let mut topics: Vec<_> = member.owned.keys().map(|(topic, _)| &**topic).collect();
    topics.sort_unstable();
    topics.dedup();
    topics
}

#[tokio::test]
async fn a_member_reads_other_topics_from_now_on() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let (one, two, three) = (
            topic(&kafka, "one", 2).await,
            topic(&kafka, "two", 2).await,
            topic(&kafka, "three", 2).await,
        );
        for topic in [&one, &two, &three] {
            fill(&kafka, topic, 2, 0..5).await;
        }
        let mut member = Member::join(&kafka, &unique("select"), &[&one, &two]).await;
        member.until(|member| member.read.len() == 20).await;

        member.consumer.select(Selection::topics([two.clone(), three.clone()]));
        member.until(|member| topics(member) == [&*three, &*two]).await;
        // What it kept goes on, what it gave up does not.
        fill(&kafka, &one, 2, 5..6).await;
        fill(&kafka, &two, 2, 5..6).await;
        member.until(|member| member.read.len() == 20 + 10 + 2).await;
        member.run_for(Duration::from_millis(500)).await;

        assert_eq!(member.read.len(), 32, "{name}");
        assert_eq!(member.owned.len(), 4, "{name}");
        assert!(member.lost.is_empty(), "{name}: {:?}", member.lost);
        assert!(member.troubles.is_empty(), "{name}: {:?}", member.troubles);
        member.close(Duration::from_secs(10)).await;
    }
}

#[tokio::test]
async fn a_member_may_select_nothing_and_something_again() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let topic = topic(&kafka, "pause", 1).await;
        fill(&kafka, &topic, 1, 0..5).await;
        let mut member = Member::join(&kafka, &unique("pause"), &[&topic]).await;
        member.until(|member| member.read.len() == 5).await;

        member.consumer.select(Selection::topics(Vec::<&str>::new()));
        member.until(|member| member.owned.is_empty()).await;
        member.consumer.select(Selection::topics([topic.clone()]));
        member.until(|member| member.owned.len() == 1).await;
        fill(&kafka, &topic, 1, 5..6).await;
        member.until(|member| member.read.len() == 6).await;

        assert_eq!(member.sorted(), (0..6).map(|offset| (0, offset)).collect::<Vec<_>>(), "{name}");
        let took = member.close(Duration::from_secs(10)).await;
        assert!(took < Duration::from_secs(6), "{name}: {took:?}");
    }
}

#[tokio::test]
async fn a_topic_that_is_selected_and_does_not_exist_is_a_failure() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "exists", 1).await;
    let mut member = Member::join(&kafka, &unique("exists"), &[&topic]).await;
    member.until(|member| member.owned.len() == 1).await;
    let missing = unique("missing");

    member.consumer.select(Selection::topics([topic.clone(), missing.clone()]));
    member.until(|member| member.failure.is_some()).await;

    let failure = member.failure.take().unwrap();
    assert_eq!(failure.kind(), ErrorKind::UnknownTopic);
    assert!(failure.to_string().contains(&*missing), "{failure}");
}

#[tokio::test]
async fn topics_stay_topics() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "stay", 1).await;
    fill(&kafka, &topic, 1, 0..5).await;
    let group = unique("stay");
    let mut member = Member::with(&kafka, Membership::new(group, [topic.clone()])).await;

    member.consumer.select(Selection::Partitions(vec![TopicPartition::new(topic.clone(), 0)]));
    member.until(|member| !member.troubles.is_empty()).await;
    member.until(|member| member.read.len() == 5).await;

    assert_eq!(member.troubles[0].kind(), ErrorKind::Config);
}
