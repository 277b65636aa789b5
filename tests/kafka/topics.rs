//! Topics are created as they were asked for, and described as they are.

use crate::kit::{kafka, unique};
use milena_core::{
    error::ErrorKind,
    transport::{Creation, NewTopic, TopicDescription, Transport as _},
};
use milena_rdkafka::Kafka;
use std::{sync::Arc, time::Duration};

async fn create(kafka: &Kafka, topic: NewTopic) -> Creation {
    kafka.create_topics(vec![topic]).await.unwrap().remove(0)
}

async fn describe(kafka: &Kafka, name: &Arc<str>) -> Option<TopicDescription> {
    kafka.describe_topics(vec![name.clone()]).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_topic_is_created_once_and_then_is_there_as_it_was_asked_for() {
    let Some(kafka) = kafka() else { return };
    let name = unique("topics");
    let topic = NewTopic::new(name.clone())
        .partitions(3)
        .replication(1)
        .retention(Duration::from_secs(3600))
        .compacted()
        .deleting();

    assert_eq!(describe(&kafka, &name).await, None);
    assert_eq!(create(&kafka, topic.clone()).await, Creation::Created);
    assert_eq!(create(&kafka, topic).await, Creation::Existed);
    assert_eq!(create(&kafka, NewTopic::new(name.clone())).await, Creation::Existed);
    let description = TopicDescription { name: name.clone(), partitions: 3, replication: 1 };
    assert_eq!(describe(&kafka, &name).await, Some(description));
}

#[tokio::test]
async fn a_topic_that_is_another_says_how_and_stays_as_it_is() {
    let Some(kafka) = kafka() else { return };
    let name = unique("topics");
    let second = Duration::from_secs(1);
    create(&kafka, NewTopic::new(name.clone()).partitions(3).retention(3600 * second)).await;

    let asked = NewTopic::new(name.clone()).partitions(6).retention(7200 * second);
    let creation = create(&kafka, asked.config("max.message.bytes", "1000")).await;

    let Creation::Differs(differs) = creation else { panic!("it is {creation:?}") };
    assert_eq!(
        differs,
        "partitions: 3, asked for 6; max.message.bytes: 1048588, asked for 1000; \
         retention.ms: 3600000, asked for 7200000"
    );
    assert_eq!(describe(&kafka, &name).await.unwrap().partitions, 3);
}

#[tokio::test]
async fn each_topic_of_several_has_its_own_answer_in_their_order() {
    let Some(kafka) = kafka() else { return };
    let (old, new, other) = (unique("old"), unique("new"), unique("other"));
    create(&kafka, NewTopic::new(old.clone()).partitions(2)).await;
    create(&kafka, NewTopic::new(other.clone()).partitions(1)).await;

    let topics = [&old, &new, &other].map(|name| NewTopic::new(name.clone()).partitions(2));
    let created = kafka.create_topics(topics.to_vec()).await.unwrap();
    let described = kafka.describe_topics(vec![new, unique("none"), other]).await.unwrap();

    let differs = Creation::Differs("partitions: 1, asked for 2".into());
    assert_eq!(created, [Creation::Existed, Creation::Created, differs]);
    let partitions: Vec<_> = described.iter().map(|it| Some(it.as_ref()?.partitions)).collect();
    assert_eq!(partitions, [Some(2), None, Some(1)]);
}

#[tokio::test]
async fn many_who_create_a_topic_at_once_all_have_it() {
    let Some(kafka) = kafka() else { return };
    let name = unique("topics");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (kafka, topic) = (kafka.clone(), NewTopic::new(name.clone()).partitions(4));
            tokio::spawn(async move { create(&kafka, topic).await })
        })
        .collect();

    let mut created = Vec::new();
    for task in tasks {
        created.push(task.await.unwrap());
    }

    assert_eq!(created.iter().filter(|it| **it == Creation::Created).count(), 1, "{created:?}");
    assert_eq!(created.iter().filter(|it| **it == Creation::Existed).count(), 7, "{created:?}");
}

#[tokio::test]
async fn a_topic_that_cannot_be_is_refused_and_named() {
    let nobody = Kafka::new("localhost:1");
    let refused = async |topics: Vec<NewTopic>| {
        let error = nobody.create_topics(topics).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        error.to_string()
    };
    let topic = |name: &str| NewTopic::new(name);

    assert!(refused(vec![topic("a b")]).await.contains("`a b`"));
    assert!(refused(vec![topic(&"x".repeat(250))]).await.contains("249"));
    assert!(refused(vec![topic("a").partitions(0)]).await.contains("partition"));
    assert_eq!(
        refused(vec![topic("a"), topic("b"), topic("a")]).await,
        "could not create topic `a`: it is named twice"
    );
    let error = nobody.describe_topics(vec!["a b".into()]).await.unwrap_err();
    assert!(error.to_string().contains("`a b`"), "{error}");
}

#[tokio::test]
async fn what_the_broker_refuses_is_told_with_the_topic() {
    let Some(kafka) = kafka() else { return };
    let name = unique("topics");
    let topic = || NewTopic::new(name.clone());

    let replicas = kafka.create_topics(vec![topic().replication(100)]).await.unwrap_err();
    let option =
        kafka.create_topics(vec![topic().config("no.such.option", "1")]).await.unwrap_err();

    for (error, cause) in [(replicas, "replication factor"), (option, "onfiguration")] {
        assert!(error.to_string().contains(&*name), "{error}");
        assert!(error.to_string().contains(cause), "{error}");
    }
    assert_eq!(describe(&kafka, &name).await, None);
}
