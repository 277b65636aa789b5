use crate::{Member, at, membership, to, write};
use milena_core::{
    error::ErrorKind,
    transport::{Membership, Selection, StartAt},
};
use milena_memory::Memory;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The milliseconds since 1970, so many minutes ago.
fn minutes_ago(minutes: u64) -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from((since - Duration::from_mins(minutes)).as_millis()).unwrap()
}

/// Three records, of thirty, twenty and ten minutes ago.
fn memory() -> Memory {
    let memory = Memory::new();
    for minutes in [30, 20, 10] {
        memory.produce(to("t", 0).timestamp(minutes_ago(minutes))).unwrap();
    }
    memory
}

/// The first offset that a new group reads when there is one more record.
fn first(start: StartAt) -> i64 {
    let memory = memory();
    let mut member = Member::join_at(&memory, "g", &["t"], start);
    member.begin("t");
    memory.produce(to("t", 0)).unwrap();
    member.records().2[0]
}

#[test]
fn a_group_begins_at_a_time() {
    assert_eq!(first(StartAt::Time(0)), 0);
    assert_eq!(first(StartAt::Time(minutes_ago(25))), 1);
    assert_eq!(first(StartAt::Time(minutes_ago(5))), 3);
}

#[test]
fn a_group_begins_so_long_ago() {
    assert_eq!(first(StartAt::Ago(Duration::MAX)), 0);
    assert_eq!(first(StartAt::Ago(Duration::from_mins(15))), 2);
    assert_eq!(first(StartAt::Ago(Duration::ZERO)), 3);
}

#[test]
fn a_group_begins_at_offsets_and_else_at_the_oldest_record() {
    assert_eq!(first(StartAt::Offsets(vec![(at("t", 0), 2)])), 2);
    assert_eq!(first(StartAt::Offsets(vec![(at("t", 1), 2), (at("u", 0), 2)])), 0);
}

#[test]
fn what_is_committed_goes_before_every_start() {
    let starts = [
        StartAt::Earliest,
        StartAt::Latest,
        StartAt::Committed,
        StartAt::Time(0),
        StartAt::Ago(Duration::ZERO),
        StartAt::Offsets(vec![(at("t", 0), 2)]),
    ];
    for start in starts {
        let memory = memory();
        let mut before = Member::join(&memory, "g", &["t"]);
        before.begin("t");
        before.records();
        assert_eq!(before.commit("t", 0, 1), Ok(()));
        drop(before);

        let mut member = Member::join_at(&memory, "g", &["t"], start);
        member.begin("t");

        assert_eq!(member.records().2, [1, 2]);
    }
}

#[test]
fn to_begin_where_nothing_is_committed_can_be_an_error() {
    let mut member = Member::join_at(&memory(), "g", &["t"], StartAt::Committed);
    member.begin("t");

    let error = member.failed();

    assert_eq!(error.kind(), ErrorKind::OutOfRange);
    let message = "could not begin to read `t/0`: group `g` has committed nothing";
    assert_eq!(error.to_string(), message);
    member.nothing();
}

#[test]
fn without_a_group_nothing_is_committed() {
    let selection = Selection::topics(["t"]);
    let membership =
        Membership { group: None, selection, start: StartAt::Committed, ..membership("", &[]) };
    let mut member = Member::with(&memory(), membership);
    member.begin("t");

    let error = member.failed();

    let message = "could not begin to read `t/0`: a consumer without a group has committed nothing";
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::OutOfRange, message.to_owned()));
}

#[test]
fn the_oldest_record_is_where_deletion_left_it() {
    let memory = Memory::new();
    write(&memory, "t", 4);
    memory.delete_records("t", 0, 3);
    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");

    assert_eq!(member.records().2, [3]);
}
