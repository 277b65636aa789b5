use crate::{Member, at, membership, now, to, write};
use milena_core::{
    error::ErrorKind,
    transport::{Membership, Selection},
};
use milena_memory::Memory;

#[test]
fn what_is_committed_is_found_and_what_is_not_is_nothing() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let mut member = Member::join(&memory, "g", &["t"]);
    let lookup = member.0.lookup();
    member.begin("t");
    assert_eq!(member.commit("t", 1, 7), Ok(()));

    let committed = now(lookup.committed(vec![at("t", 1), at("t", 0), at("u", 0)])).unwrap();

    assert_eq!(committed, [Some(7), None, None]);
}

#[test]
fn without_a_group_nothing_is_found() {
    let memory = Memory::new();
    let selection = Selection::topics(["t"]);
    let member =
        Member::with(&memory, Membership { group: None, selection, ..membership("", &[]) });

    assert_eq!(now(member.0.lookup().committed(vec![at("t", 0)])).unwrap(), [None]);
}

#[test]
fn bounds_are_the_oldest_record_and_the_end() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    write(&memory, "t", 5);
    memory.delete_records("t", 0, 2);
    memory.skip_offsets("t", 0, 3);
    let lookup = Member::join(&memory, "g", &["t"]).0.lookup();

    assert_eq!(now(lookup.bounds(vec![at("t", 1), at("t", 0)])).unwrap(), [0..0, 2..8]);
}

#[test]
fn a_time_is_that_of_the_first_record_that_is_not_older() {
    let memory = Memory::new();
    for millis in [100, 300, 200] {
        memory.produce(to("t", 0).timestamp(millis)).unwrap();
    }
    let lookup = Member::join(&memory, "g", &["t"]).0.lookup();
    let times = [50, 100, 101, 250, 301].map(|millis| (at("t", 0), millis));

    let found = now(lookup.at_time(times.to_vec())).unwrap();

    assert_eq!(found, [Some(0), Some(0), Some(1), Some(1), None]);
}

#[test]
fn what_does_not_exist_has_no_bounds() {
    let memory = Memory::new();
    let lookup = Member::join(&memory, "g", &["t"]).0.lookup();

    let error = now(lookup.bounds(vec![at("t", 0), at("t", 3)])).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    assert_eq!(error.to_string(), "could not look at `t/3`: it does not exist");
    assert!(now(lookup.at_time(vec![(at("u", 0), 0)])).is_err());
}

#[test]
fn a_lookup_answers_also_when_its_consumer_is_gone() {
    let memory = Memory::new();
    write(&memory, "t", 1);
    let lookup = Member::join(&memory, "g", &["t"]).0.lookup();

    assert_eq!(now(lookup.bounds(vec![at("t", 0)])).unwrap()[0], 0..1);
}
