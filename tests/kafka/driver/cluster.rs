//! What an operator does to topics.

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewPartitions},
    client::DefaultClientContext,
};

fn admin() -> AdminClient<DefaultClientContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", std::env::var("KAFKA_BROKERS").unwrap());
    config.create().unwrap()
}

pub(crate) async fn more_partitions(topic: &str, count: usize) {
    let more = NewPartitions::new(topic, count);
    let done = admin().create_partitions([&more], &AdminOptions::new()).await.unwrap();
    done[0].as_ref().unwrap();
}

/// Deletes what is before these offsets, as retention does.
pub(crate) async fn delete_before(topic: &str, offsets: &[(i32, i64)]) {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).unwrap();
    }
    let done = admin().delete_records(&list, &AdminOptions::new()).await.unwrap();
    for (at, (partition, offset)) in done.elements().iter().zip(offsets) {
        assert_eq!((at.partition(), at.error().is_ok()), (*partition, true), "{done:?}");
        assert_eq!(at.offset(), Offset::Offset(*offset), "{done:?}");
    }
}

pub(crate) async fn delete(topic: &str) {
    let done = admin().delete_topics(&[topic], &AdminOptions::new()).await.unwrap();
    done[0].as_ref().unwrap();
}
