use crate::{Member, at, now, to};
use milena_core::{
    error::ErrorKind,
    transport::{Event, NewTopic, StartAt, Transport},
};
use milena_memory::Memory;

#[track_caller]
fn position(member: &mut Member) -> (i32, i64) {
    match member.next() {
        Some(Event::Position(at, _, offset)) => (at.partition, offset),
        other => panic!("no position, but {other:?}"),
    }
}

#[test]
fn partitions_take_turns_chunk_by_chunk() {
    let memory = Memory::new().max_chunk(2);
    memory.create_topic("t", 3);
    for partition in [0, 0, 0, 0, 1, 1, 1] {
        memory.produce(to("t", partition)).unwrap();
    }
    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");

    let chunks = [(); 4].map(|()| member.records()).map(|(at, _, offsets)| (at, offsets));

    assert_eq!(chunks, [(0, vec![0, 1]), (1, vec![0, 1]), (0, vec![2, 3]), (1, vec![2])]);
    member.nothing();
}

#[test]
fn a_trailing_hole_is_told_as_a_position() {
    let memory = Memory::new();
    memory.produce(to("t", 0)).unwrap();
    memory.skip_offsets("t", 0, 2);
    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");

    assert_eq!(member.records().2, [0]);
    assert_eq!(position(&mut member), (0, 3));
    member.nothing();
    memory.skip_offsets("t", 0, 1);
    assert_eq!(position(&mut member), (0, 4));
    memory.produce(to("t", 0)).unwrap();
    assert_eq!(member.records().2, [4]);
}

#[test]
fn a_hole_between_records_needs_no_word() {
    let memory = Memory::new();
    memory.create_topic("t", 1);
    memory.skip_offsets("t", 0, 2);
    memory.produce(to("t", 0)).unwrap();
    memory.skip_offsets("t", 0, 2);
    memory.produce(to("t", 0)).unwrap();
    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");

    assert_eq!(member.records().2, [2, 5]);
    member.nothing();
}

#[test]
#[should_panic(expected = "could not skip offsets of `t/3`: no such partition")]
fn a_hole_needs_a_partition() {
    let memory = Memory::new();
    memory.create_topic("t", 3);
    memory.skip_offsets("t", 3, 1);
}

#[test]
fn a_group_begins_at_the_committed_offset_else_where_it_is_told() {
    let check = |committed: Option<i64>, given: Option<i64>, start: StartAt, first: i64| {
        let memory = Memory::new();
        (0..3).for_each(|_| drop(memory.produce(to("t", 0))));
        let mut before = Member::join(&memory, "g", &["t"]);
        before.assigned();
        committed.map_or(Ok(()), |offset| before.commit("t", 0, offset)).unwrap();
        drop(before);
        let mut member = Member::join_at(&memory, "g", &["t"], start.clone());
        member.assigned();
        member.0.assign(vec![(at("t", 0), given)]);

        memory.produce(to("t", 0)).unwrap();

        assert_eq!(member.records().2[0], first, "{committed:?}, {given:?}, {start:?}");
    };

    check(None, None, StartAt::Earliest, 0);
    check(None, None, StartAt::Latest, 3);
    check(Some(1), None, StartAt::Latest, 1);
    check(Some(1), Some(2), StartAt::Latest, 2);
    check(None, Some(1), StartAt::Committed, 1);
    check(Some(2), None, StartAt::Committed, 2);
}

#[test]
fn a_parked_partition_is_skipped_until_it_is_let_go() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    memory.produce(to("t", 0)).unwrap();
    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");

    member.0.park(&at("t", 0));
    memory.produce(to("t", 1)).unwrap();
    assert_eq!(member.records().0, 1);
    member.nothing();
    member.0.unpark(&at("t", 0));

    assert_eq!(member.records().0, 0);
}

#[test]
fn a_partition_is_not_parked_any_more_when_it_comes_back() {
    let memory = Memory::new();
    memory.produce(to("t", 0)).unwrap();
    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");
    member.0.park(&at("t", 0));
    memory.faults().lose_partitions("g");
    member.lost();

    member.begin("t");

    assert_eq!(member.records().2, [0]);
}

#[test]
fn topics_come_into_being_at_first_use() {
    let memory = Memory::new().default_partitions(3);

    memory.produce(to("written", 2)).unwrap();
    let mut member = Member::join(&memory, "g", &["subscribed"]);
    now(memory.create_topics(vec![NewTopic::new("created"), NewTopic::new("two").partitions(2)]))
        .unwrap();

    assert_eq!(member.assigned().len(), 3);
    let partitions =
        ["written", "subscribed", "created", "two", "none"].map(|t| memory.partitions(t));
    assert_eq!(partitions, [3, 3, 3, 2, 0]);
}

#[test]
fn a_strict_broker_makes_no_topics() {
    let memory = Memory::new().without_auto_create();
    memory.create_topic("known", 1);

    let error = memory.produce(to("unknown", 0)).unwrap_err();
    let mut member = Member::join(&memory, "g", &["known", "unknown"]);

    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    assert_eq!(error.to_string(), "could not write to topic `unknown`: it does not exist");
    let Some(Event::Failed(error)) = member.next() else { panic!("it did not fail") };
    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    assert_eq!(error.to_string(), "could not subscribe to topic `unknown`: it does not exist");
    member.nothing();
    assert_eq!(member.commit("known", 0, 0), Err(ErrorKind::Fenced));
    member.0.close(std::time::Duration::ZERO);
    assert!(matches!(member.next(), Some(Event::Closed)));
    member.nothing();
    assert_eq!((memory.partitions("unknown"), memory.members("g")), (0, 0));
}

#[test]
fn a_topic_without_partitions_cannot_be_created() {
    let memory = Memory::new();

    let error = now(memory.create_topics(vec![NewTopic::new("t").partitions(0)])).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(memory.partitions("t"), 0);
}
