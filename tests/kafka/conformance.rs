//! Kafka passes the suite that every driver passes, however its groups agree.

use crate::kit::{self, STUCK, unique};
use milena_core::{TopicPartition, transport::BoxFuture};
use milena_rdkafka::Kafka;
use milena_test::{
    Isolated,
    conformance::{Admin, Fixture, Guarantees},
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewPartitions},
    client::DefaultClientContext,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::sync::Arc;

mod cooperative {
    use super::{Fixture, fixture};

    fn kafka() -> Option<Fixture> {
        fixture(true, |kafka| kafka)
    }

    milena_test::conformance! {
        #[tokio::test]
        kafka
    }
}

mod range {
    use super::{Fixture, fixture};

    fn kafka() -> Option<Fixture> {
        fixture(false, |kafka| kafka.set("partition.assignment.strategy", "range"))
    }

    milena_test::conformance! {
        #[tokio::test]
        kafka
    }
}

mod by_broker {
    use super::{Fixture, fixture};
    use milena_rdkafka::GroupProtocol;

    fn kafka() -> Option<Fixture> {
        fixture(true, |kafka| kafka.group_protocol(GroupProtocol::Consumer))
    }

    milena_test::conformance! {
        #[tokio::test]
        kafka
    }
}

mod with_names_of_its_own {
    use super::{Fixture, with_names};

    fn kafka() -> Option<Fixture> {
        with_names(false)
    }

    milena_test::conformance! {
        #[tokio::test]
        kafka
    }

    mod without_auto_create {
        use super::{Fixture, with_names};

        fn kafka() -> Option<Fixture> {
            with_names(true)
        }

        milena_test::conformance! {
            #[tokio::test]
            kafka
        }
    }
}

const ROOM: usize = 100;
/// What a record may have with everything that Kafka puts around it.
const MAX_RECORD_BYTES: usize = 1_048_576;

fn fixture(rebalances_in_part: bool, with: impl Fn(Kafka) -> Kafka) -> Option<Fixture> {
    let guarantees = Guarantees { rebalances_in_part, ..guarantees() };
    Some(complete(Fixture::new(with(kafka()?)), guarantees, |name| name.into()))
}

/// A driver whose topics have other names at the broker.
fn with_names(refuses_unknown_topics: bool) -> Option<Fixture> {
    let isolated = Isolated::new(kafka()?);
    let isolated = if refuses_unknown_topics { isolated.without_auto_create() } else { isolated };
    let names = isolated.clone();
    let guarantees = Guarantees { refuses_unknown_topics, ..guarantees() };
    Some(complete(Fixture::new(isolated), guarantees, move |name| names.name_of(name)))
}

fn kafka() -> Option<Kafka> {
    let kafka = kit::kafka()?.set("queue.buffering.max.messages", ROOM.to_string());
    // What is new is to be seen soon.
    Some(kafka.set("topic.metadata.refresh.interval.ms", "500"))
}

fn guarantees() -> Guarantees {
    Guarantees {
        patience: STUCK,
        max_record_bytes: Some(MAX_RECORD_BYTES),
        room: Some(ROOM),
        refuses_unknown_topics: true,
        refuses_commits_of_others: true,
        leaves_when_dropped: true,
        transactions: true,
        ..Guarantees::default()
    }
}

type Name = Arc<dyn Fn(&str) -> Arc<str> + Send + Sync>;

fn complete(
    fixture: Fixture,
    guarantees: Guarantees,
    name: impl Fn(&str) -> Arc<str> + Send + Sync + 'static,
) -> Fixture {
    let name: Name = Arc::new(name);
    let fixture = fixture.guarantees(guarantees).with_admin(Broker::new(name.clone()));
    fixture.hole(move |TopicPartition { topic, partition }| {
        let place = TopicPartition::new(name(&topic), partition);
        Box::pin(async move { tokio::task::spawn_blocking(move || hole(&place)).await.unwrap() })
    })
}

/// The broker, as its administrator sees it, who knows what it calls a topic.
struct Broker(AdminClient<DefaultClientContext>, Name);

impl Broker {
    fn new(name: Name) -> Self {
        let brokers = std::env::var("KAFKA_BROKERS").unwrap();
        Self(ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap(), name)
    }
}

impl Admin for Broker {
    fn delete_records(&self, at: TopicPartition, before: i64) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut list = TopicPartitionList::new();
            let topic = (self.1)(&at.topic);
            list.add_partition_offset(&topic, at.partition, Offset::Offset(before)).unwrap();
            let deleted = self.0.delete_records(&list, &AdminOptions::new()).await.unwrap();
            deleted.elements().iter().for_each(|element| element.error().unwrap());
        })
    }

    fn add_partitions(&self, topic: Arc<str>, total: i32) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let topic = (self.1)(&topic);
            let total = NewPartitions::new(&topic, usize::try_from(total).unwrap());
            let raised = self.0.create_partitions([&total], &AdminOptions::new()).await.unwrap();
            raised.into_iter().for_each(|result| drop(result.unwrap()));
        })
    }

    fn delete_topic(&self, topic: Arc<str>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let topic = (self.1)(&topic);
            let deleted = self.0.delete_topics(&[&topic], &AdminOptions::new()).await.unwrap();
            deleted.into_iter().for_each(|result| drop(result.unwrap()));
        })
    }
}

/// Two offsets without a record that can be read: one that was taken back, and the marker that says so.
pub(crate) fn hole(place: &TopicPartition) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", std::env::var("KAFKA_BROKERS").unwrap());
    let producer: BaseProducer = config.set("transactional.id", &*unique("hole")).create().unwrap();
    producer.init_transactions(STUCK).unwrap();
    producer.begin_transaction().unwrap();
    let record = BaseRecord::<(), str>::to(&place.topic).partition(place.partition).payload("x");
    producer.send(record).unwrap();
    producer.flush(STUCK).unwrap();
    // Aborting wants somebody to poll.
    std::thread::scope(|scope| {
        let abort = scope.spawn(|| producer.abort_transaction(STUCK));
        while !abort.is_finished() {
            producer.poll(std::time::Duration::from_millis(10));
        }
        abort.join().unwrap().unwrap();
    });
}
