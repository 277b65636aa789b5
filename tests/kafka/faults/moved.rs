//! Offsets that somebody else commits for the group of a service: what is committed is where it begins, whoever wrote it.

use super::{
    service::{Calls, Service, until, valued, write},
    view::View,
};
use crate::kit::{kafka, topic, unique};
use milena::{Record, Router, State, each};
use milena_rdkafka::{GroupProtocol, Kafka};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::KafkaResult,
};
use std::{iter::repeat_n, sync::Arc, time::Duration};

const PARTITIONS: i32 = 4;

/// What clients of other kinds write beside an offset, and what nobody does.
fn metadata() -> Vec<String> {
    vec![
        "bAAAAAAAAAAc=".into(),
        r#"{"version":9,"done":[3,5,7]}"#.into(),
        "\u{0}\u{1}\u{fffd}".into(),
        // The most that a broker takes.
        repeat_n('x', 4096).collect(),
    ]
}

async fn note(record: Record, State(calls): State<Calls>) {
    calls.add(&record);
}

/// A group, and what it reads.
struct Group {
    name: Arc<str>,
    source: Arc<str>,
    view: View,
}

impl Group {
    async fn new(kafka: &Kafka) -> Self {
        let source = topic(kafka, "moved", PARTITIONS).await;
        Self { name: unique("moved"), source, view: View::shared() }
    }

    async fn write(&self, kafka: &Kafka, records: usize) {
        for partition in 0..PARTITIONS {
            write(kafka, valued(&self.source, partition, &vec!["x"; records])).await;
        }
    }

    fn start(&self, kafka: &Kafka, is_once: bool) -> (Service, Calls) {
        let calls = Calls::default();
        let router = Router::new(self.name.clone())
            .subscribe(self.source.clone(), each(note))
            .commit_interval(Duration::from_millis(50))
            .with_state(calls.clone());
        let router = if is_once { router.exactly_once(self.name.clone()) } else { router };
        (Service::start(kafka, router), calls)
    }

    /// Commits these as a tool does, which is no member, with what else it writes there.
    async fn set(&self, offsets: [i64; 4]) -> KafkaResult<()> {
        let config = self.view.config().set("group.id", &*self.name).clone();
        let source = self.source.clone();
        let commit = move || {
            let mut list = TopicPartitionList::new();
            for ((partition, offset), text) in (0..).zip(offsets).zip(metadata()) {
                let mut place = list.add_partition(&source, partition);
                place.set_offset(Offset::Offset(offset)).unwrap();
                place.set_metadata(text);
            }
            config.create::<BaseConsumer>().unwrap().commit(&list, CommitMode::Sync)
        };
        tokio::task::spawn_blocking(commit).await.unwrap()
    }

    async fn until_committed(&self, offsets: [i64; 4]) {
        let goal = format!("{offsets:?} are committed");
        until(&goal, async || self.committed().await == offsets.map(Some)).await;
    }

    async fn committed(&self) -> Vec<Option<i64>> {
        self.view.committed(&self.name, &self.source, PARTITIONS).await
    }
}

type With = fn(Kafka) -> Kafka;

/// Moves the offsets of a group while its service is stopped, and tries to while it runs.
async fn move_offsets(name: &str, with: With, is_once: bool) {
    let Some(kafka) = kafka().map(with) else { return };
    let group = Group::new(&kafka).await;
    group.write(&kafka, 10).await;
    let (service, _) = group.start(&kafka, is_once);
    group.until_committed([10; 4]).await;
    let refused = group.set([0, 3, 5, 7]).await.expect_err("the group has a member");
    assert_eq!(group.committed().await, [Some(10); 4], "{name}");
    service.stop().await.unwrap();

    // Back, forward, to where it was, and to the end.
    group.write(&kafka, 10).await;
    let begins = [4, 15, 10, 20];
    group.set(begins).await.unwrap();
    assert_eq!(group.committed().await, begins.map(Some), "{name}: the fault did not happen");
    let (service, calls) = group.start(&kafka, is_once);
    group.until_committed([20; 4]).await;
    group.write(&kafka, 1).await;
    group.until_committed([21; 4]).await;
    service.stop().await.unwrap();

    println!(
        "fired: {PARTITIONS} offsets moved to {begins:?} by a tool ({name}); {} calls; while it ran: {refused}",
        calls.count()
    );
    for (partition, begin) in (0..).zip(begins) {
        let expected: Vec<_> = (begin..21).collect();
        assert_eq!(calls.of(partition), expected, "{name}: partition {partition}");
    }
    assert_eq!(group.committed().await, [Some(21); 4], "{name}");
}

#[tokio::test]
async fn a_service_begins_where_a_tool_has_moved_its_offsets() {
    move_offsets("classic", |kafka| kafka, false).await;
    move_offsets("consumer", |kafka| kafka.group_protocol(GroupProtocol::Consumer), false).await;
}

#[tokio::test]
async fn a_service_of_transactions_begins_where_a_tool_has_moved_its_offsets() {
    move_offsets("exactly once", |kafka| kafka, true).await;
}
