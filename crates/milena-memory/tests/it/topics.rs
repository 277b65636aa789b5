use crate::{now, producer, to};
use milena_core::{
    error::ErrorKind,
    transport::{Creation, NewTopic, TopicDescription, Transport},
};
use milena_memory::Memory;
use std::time::Duration;

fn create(memory: &Memory, topic: NewTopic) -> Creation {
    now(memory.create_topics(vec![topic])).unwrap().remove(0)
}

fn differs(creation: Creation) -> String {
    match creation {
        Creation::Differs(what) => what,
        other => panic!("it does not differ, but is {other:?}"),
    }
}

#[test]
fn a_topic_is_created_once_and_then_exists() {
    let memory = Memory::new().default_partitions(4);
    let topic = NewTopic::new("t").partitions(2).replication(3).retention(Duration::from_secs(1));

    let created = now(memory.create_topics(vec![topic.clone(), NewTopic::new("u")])).unwrap();

    assert_eq!(created, [Creation::Created, Creation::Created]);
    assert_eq!(create(&memory, topic), Creation::Existed);
    assert_eq!(create(&memory, NewTopic::new("t")), Creation::Existed);
    assert_eq!((memory.partitions("t"), memory.partitions("u")), (2, 4));
}

#[test]
fn what_differs_is_said_and_stays() {
    let memory = Memory::new();
    create(&memory, NewTopic::new("t").partitions(2).compacted());

    let other = NewTopic::new("t").partitions(3).replication(2).deleting();
    let other = other.config("retention.ms", "7");

    let what = "it has 2 partitions and not 3, it has 1 replicas of each and not 2, \
                `cleanup.policy` is `compact` and not `delete`, `retention.ms` is not set, and not `7`";
    assert_eq!(differs(create(&memory, other)), what);
    assert_eq!(memory.partitions("t"), 2);
}

#[test]
fn a_topic_that_cannot_be_is_refused_and_so_are_those_beside_it() {
    let memory = Memory::new();
    for bad in [NewTopic::new("bad").partitions(0), NewTopic::new("bad").replication(0)] {
        let error = now(memory.create_topics(vec![NewTopic::new("t"), bad])).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().starts_with("could not create topic `bad`: 0 "), "{error}");
        assert_eq!(memory.partitions("t"), 0);
    }
}

#[test]
fn topics_are_described_and_what_is_missing_is_nothing() {
    let memory = Memory::new();
    create(&memory, NewTopic::new("t").partitions(2).replication(3));
    memory.produce(to("u", 0)).unwrap();

    let described = now(memory.describe_topics(["none", "t", "u"].map(Into::into).to_vec()));

    let topic = |name: &str, partitions, replication| {
        Some(TopicDescription { name: name.into(), partitions, replication })
    };
    assert_eq!(described.unwrap(), [None, topic("t", 2, 3), topic("u", 1, 1)]);
    assert_eq!(memory.partitions("none"), 0);
}

#[test]
fn a_producer_counts_the_partitions_of_its_topics() {
    let memory = Memory::new().default_partitions(3);
    memory.create_topic("t", 2);
    let producer = producer(&memory);

    assert_eq!(now(producer.partitions("t".into())).unwrap(), 2);
    assert_eq!(now(producer.partitions("new".into())).unwrap(), 3);
    memory.add_partitions("t", 5);
    assert_eq!(now(producer.partitions("t".into())).unwrap(), 5);
}

#[test]
fn a_strict_broker_does_not_count_what_does_not_exist() {
    let memory = Memory::new().without_auto_create();

    let error = now(producer(&memory).partitions("t".into())).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    assert!(error.to_string().contains("topic `t`"), "{error}");
}
