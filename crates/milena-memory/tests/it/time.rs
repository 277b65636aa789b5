use crate::{Member, at, to, write};
use milena_core::{ProducerRecord, transport::Event};
use milena_memory::Memory;

fn offsets(memory: &Memory) -> Vec<i64> {
    memory.records("t").iter().map(milena_core::Record::offset).collect()
}

/// Keys `a`, `b` and none in turns, and at last a tombstone for `b`.
fn keyed() -> Memory {
    let memory = Memory::new();
    for key in [Some("a"), Some("b"), None, Some("a"), Some("b"), None] {
        let record = ProducerRecord { key: key.map(Into::into), ..ProducerRecord::new("t") };
        memory.produce(record.value("v")).unwrap();
    }
    memory.produce(ProducerRecord::new("t").key("b")).unwrap();
    memory
}

#[test]
fn records_are_deleted_up_to_an_offset_and_to_the_end_at_most() {
    let memory = Memory::new();
    write(&memory, "t", 5);

    memory.delete_records("t", 0, 3);
    assert_eq!(offsets(&memory), [3, 4]);
    memory.delete_records("t", 0, 1);
    assert_eq!(offsets(&memory), [3, 4]);
    memory.delete_records("t", 0, 99);

    assert_eq!(offsets(&memory), [0; 0]);
    assert_eq!(memory.produce(to("t", 0)).unwrap().offset, 5);
}

#[test]
fn compaction_keeps_the_newest_record_of_each_key() {
    let memory = keyed();
    memory.compact("t");
    assert_eq!(offsets(&memory), [3, 6]);

    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");
    assert_eq!(member.records().2, [3, 6]);
    member.nothing();
    assert_eq!(memory.end("t", 0), 7);
}

#[test]
fn tombstones_go_in_the_end_and_leave_a_hole() {
    let memory = keyed();
    memory.compact_away_tombstones("t");
    assert_eq!(offsets(&memory), [3]);

    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");
    assert_eq!(member.records().2, [3]);
    assert!(matches!(member.next(), Some(Event::Position(_, _, 7))));
}

#[test]
fn a_topic_that_is_deleted_is_lost_and_its_offsets_go() {
    let memory = Memory::new();
    write(&memory, "t", 3);
    write(&memory, "u", 1);
    let mut member = Member::join(&memory, "g", &["t", "u"]);
    let Some(Event::Assigned(before)) = member.next() else { panic!("not assigned") };
    member.0.assign(before.iter().map(|(at, _)| (at.clone(), None)).collect());
    assert_eq!(member.commit("t", 0, 2), Ok(()));

    memory.delete_topic("t");

    let Some(Event::Lost(lost)) = member.next() else { panic!("not lost") };
    assert_eq!(lost, [at("t", 0)]);
    assert_eq!(memory.committed("g", "t", 0), None);
    assert!(member.commit("t", 0, 3).is_err());
    assert_eq!(member.records().2, [0], "the other topic is read on");
    member.nothing();
    assert_eq!(memory.members("g"), 1);
}

#[test]
fn a_topic_that_is_created_again_begins_anew() {
    let memory = Memory::new();
    write(&memory, "t", 3);
    let mut member = Member::join(&memory, "g", &["t"]);
    let before = member.begin("t");
    member.records();
    memory.delete_topic("t");
    assert_eq!(member.lost(), [0]);
    member.nothing();

    write(&memory, "t", 1);

    let after = member.begin("t");
    assert!(before[0].1 < after[0].1);
    assert_eq!(member.records(), (0, after[0].1, vec![0]));
}

#[test]
fn a_topic_can_go_before_anybody_heard_of_it() {
    let memory = Memory::new();
    memory.create_topic("t", 1);
    let mut member = Member::join(&memory, "g", &["t"]);

    memory.delete_topic("t");

    assert_eq!(member.assigned(), []);
    member.nothing();
}

#[test]
#[should_panic(expected = "could not delete topic `t`: it does not exist")]
fn only_what_exists_can_be_deleted() {
    Memory::new().delete_topic("t");
}

#[test]
#[should_panic(expected = "could not delete records of `t/1`: no such partition")]
fn only_what_exists_has_records_to_delete() {
    let memory = Memory::new();
    memory.create_topic("t", 1);
    memory.delete_records("t", 1, 0);
}

#[test]
#[should_panic(expected = "could not compact topic `t`: it does not exist")]
fn only_what_exists_can_be_compacted() {
    Memory::new().compact("t");
}
