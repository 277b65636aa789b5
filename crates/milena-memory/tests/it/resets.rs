use crate::{Member, at, membership, to, write};
use milena_core::{
    error::ErrorKind,
    record::Epoch,
    transport::{Event, Membership, Reset},
};
use milena_memory::Memory;

/// The offsets of the next reset, and the epoch and offset of the move behind it.
#[track_caller]
fn reset(member: &mut Member) -> (i64, i64, Epoch) {
    let Some(Event::Reset { from, to, .. }) = member.next() else { panic!("not reset") };
    let (_, epoch, offset) = member.moved();
    assert_eq!(offset, to);
    (from, to, epoch)
}

/// A member that has read three records of ten, when five are deleted.
fn overtaken(policy: Reset) -> (Memory, Member, Epoch) {
    let memory = Memory::new().max_chunk(3);
    write(&memory, "t", 10);
    let mut member = Member::with(&memory, Membership { reset: policy, ..membership("g", &["t"]) });
    let epoch = member.begin("t")[0].1;
    assert_eq!(member.records().2, [0, 1, 2]);
    memory.delete_records("t", 0, 5);
    (memory, member, epoch)
}

#[test]
fn a_position_that_was_deleted_becomes_the_oldest_record() {
    let (_memory, mut member, before) = overtaken(Reset::Earliest);

    let (from, to, epoch) = reset(&mut member);

    assert_eq!((from, to), (3, 5));
    assert_ne!(epoch, before);
    assert_eq!(member.records(), (0, epoch, vec![5, 6, 7]));
}

#[test]
fn a_position_that_was_deleted_becomes_the_end() {
    let (memory, mut member, _) = overtaken(Reset::Latest);

    let (from, end, epoch) = reset(&mut member);
    member.nothing();
    memory.produce(to("t", 0)).unwrap();

    assert_eq!((from, end), (3, 10));
    assert_eq!(member.records(), (0, epoch, vec![10]));
}

#[test]
fn a_position_that_was_deleted_is_an_error() {
    let (memory, mut member, _) = overtaken(Reset::Error);

    let error = member.failed();

    assert_eq!(error.kind(), ErrorKind::OutOfRange);
    let message = "could not read `t/0` from offset 3 on: it has 5 to 10";
    assert_eq!(error.to_string(), message);
    member.nothing();
    assert_eq!(member.commit("t", 0, 3), Ok(()), "what was done before counts");
    memory.faults().lose_partitions("g");
    member.nothing();
    member.0.close(std::time::Duration::ZERO);
    assert!(matches!(member.next(), Some(Event::Closed)));
}

#[test]
fn a_committed_offset_that_was_deleted_is_reset() {
    let (memory, mut member, _) = overtaken(Reset::Earliest);
    assert_eq!(member.commit("t", 0, 3), Ok(()));
    drop(member);
    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");

    let (from, to, _) = reset(&mut member);

    assert_eq!((from, to), (3, 5));
    assert_eq!(member.records().2, [5, 6, 7]);
}

#[test]
fn an_offset_behind_the_end_is_reset() {
    let memory = Memory::new();
    write(&memory, "t", 2);
    let mut member = Member::join(&memory, "g", &["t"]);
    member.assigned();
    member.0.assign(vec![(at("t", 0), Some(9))]);
    assert_eq!((reset(&mut member).0, member.records().2), (9, vec![0, 1]));

    member.0.seek(vec![(at("t", 0), 3)]);
    assert_eq!(member.moved().2, 3);

    assert_eq!((reset(&mut member).0, member.records().2), (3, vec![0, 1]));
}

#[test]
fn a_parked_partition_is_reset_when_it_goes_on() {
    let (memory, mut member, _) = overtaken(Reset::Earliest);
    member.0.park(&at("t", 0));
    member.nothing();
    memory.delete_records("t", 0, 7);

    member.0.unpark(&at("t", 0));

    assert_eq!(reset(&mut member).1, 7);
}
