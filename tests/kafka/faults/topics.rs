use super::{
    service::{Calls, Service, until, valued, write},
    view::View,
};
use crate::{
    driver::cluster::{delete, more_partitions},
    kit::{kafka, topic, unique},
};
use milena::{Record, Router, State, each};
use milena_core::transport::{NewTopic, Transport as _};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{sync::Arc, time::Duration};

const VALUES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Both ways of assigning, of which the classic one looks for changes itself.
fn protocols() -> [(&'static str, fn(Kafka) -> Kafka); 2] {
    [
        ("classic", |kafka| kafka.set("topic.metadata.refresh.interval.ms", "1000")),
        ("consumer", |kafka| {
            let kafka = kafka.set("topic.metadata.refresh.interval.ms", "1000");
            kafka.group_protocol(GroupProtocol::Consumer)
        }),
    ]
}

async fn note(record: Record, State(calls): State<Calls>) {
    calls.add(&record);
}

fn router(group: &Arc<str>, source: &Arc<str>, calls: &Calls) -> Router {
    let router = Router::new(group.clone()).subscribe(source.clone(), each(note));
    router.commit_interval(Duration::from_millis(100)).with_state(calls.clone())
}

#[tokio::test]
async fn a_partition_that_is_added_while_a_service_runs_is_read_from_its_beginning() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka() else { return };
        let (view, source) = (View::shared(), topic(&kafka, "grows", 1).await);
        let (group, calls) = (unique("grows"), Calls::default());
        write(&kafka, valued(&source, 0, &VALUES)).await;
        let service = Service::start(&with(kafka.clone()), router(&group, &source, &calls));
        until("the first is done", async || view.committed(&group, &source, 1).await == [Some(10)])
            .await;

        more_partitions(&source, 3).await;
        // They are there, and written to, before the service hears of them.
        until("they are there", async || {
            kafka.describe_topics(vec![source.clone()]).await.unwrap()[0]
                .as_ref()
                .unwrap()
                .partitions
                == 3
        })
        .await;
        for partition in 0..3 {
            write(&kafka, valued(&source, partition, &VALUES)).await;
        }
        let ends = [Some(20), Some(10), Some(10)];
        until("all is done", async || view.committed(&group, &source, 3).await == ends).await;
        service.stop().await.unwrap();

        println!(
            "F26 kafka: {name}: 2 partitions added, 40 records, lost 0, again {}",
            calls.count() - 40
        );
        assert_eq!(calls.of(0), (0..20).collect::<Vec<_>>(), "{name}");
        for partition in 1..3 {
            assert_eq!(calls.of(partition), (0..10).collect::<Vec<_>>(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_topic_that_is_created_again_is_read_from_its_beginning_and_committed_from_there() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka() else { return };
        let (view, source) = (View::shared(), topic(&kafka, "again", 1).await);
        let (group, calls) = (unique("again"), Calls::default());
        write(&kafka, valued(&source, 0, &VALUES)).await;
        let service = Service::start(&with(kafka.clone()), router(&group, &source, &calls));
        until("the old one is done", async || {
            view.committed(&group, &source, 1).await == [Some(10)]
        })
        .await;

        delete(&source).await;
        kafka.create_topics(vec![NewTopic::new(source.clone()).partitions(1)]).await.unwrap();
        write(&kafka, valued(&source, 0, &VALUES[..4])).await;
        until("the new one is read", async || calls.count() >= 14).await;
        write(&kafka, valued(&source, 0, &VALUES[4..6])).await;
        until("the new one is done", async || {
            view.committed(&group, &source, 1).await == [Some(6)]
        })
        .await;
        service.stop().await.unwrap();
        assert_eq!(view.committed(&group, &source, 1).await, [Some(6)], "{name}");

        // Whoever comes next goes on from there.
        write(&kafka, valued(&source, 0, &VALUES[6..8])).await;
        let service = Service::start(&kafka, router(&group, &source, &calls));
        until("the rest is done", async || view.committed(&group, &source, 1).await == [Some(8)])
            .await;
        service.stop().await.unwrap();

        println!(
            "F26 kafka: {name}: topic created again once, 18 records, lost 0, again {}",
            calls.count() - 18
        );
        assert_eq!(calls.of(0), (0..10).chain(0..8).collect::<Vec<_>>(), "{name}");
    }
}
