use crate::{Member, at, to};
use milena_core::{error::ErrorKind, transport::Event};
use milena_memory::Memory;
use std::time::Duration;

fn memory(partitions: i32) -> Memory {
    let memory = Memory::new();
    memory.create_topic("t", partitions);
    memory
}

fn partitions<E>(assigned: Vec<(i32, E)>) -> Vec<i32> {
    assigned.into_iter().map(|(partition, _)| partition).collect()
}

/// Two members of which each reads two of four partitions: 0 and 1, and 2 and 3.
fn two(memory: &Memory) -> (Member, Member) {
    let mut first = Member::join(memory, "g", &["t"]);
    first.begin("t");
    let mut second = Member::join(memory, "g", &["t"]);
    assert_eq!(second.assigned(), []);
    assert_eq!(first.revoked(), [2, 3]);
    first.0.release(vec![at("t", 2), at("t", 3)]);
    assert_eq!(partitions(second.begin("t")), [2, 3]);
    (first, second)
}

#[test]
fn a_partition_moves_when_it_is_released() {
    let memory = memory(4);
    let mut first = Member::join(&memory, "g", &["t"]);
    let epochs = first.begin("t");
    let mut second = Member::join(&memory, "g", &["t"]);

    assert_eq!(first.revoked(), [2, 3]);
    assert_eq!(second.assigned(), []);
    second.nothing();
    first.0.release(vec![at("t", 3)]);
    let moved = second.assigned();

    assert_eq!(moved[0].0, 3);
    assert_ne!(moved[0].1, epochs[3].1);
    second.nothing();
    first.nothing();
}

#[test]
fn a_member_without_partitions_is_told_so_once() {
    let memory = memory(1);
    let _first = Member::join(&memory, "g", &["t"]);
    let mut second = Member::join(&memory, "g", &["t"]);

    assert_eq!(second.assigned(), []);
    second.nothing();
}

#[test]
fn a_plan_that_is_dropped_in_time_is_never_heard_of() {
    let memory = memory(2);
    let mut first = Member::join(&memory, "g", &["t"]);
    first.begin("t");

    drop(Member::join(&memory, "g", &["t"]));

    first.nothing();
}

#[test]
fn a_partition_that_was_asked_back_comes_again_when_the_other_has_gone() {
    let memory = memory(1);
    memory.create_topic("t", 1);
    let mut first = Member::join(&memory, "g", &["t", "u"]);
    let epochs = first.assigned();
    let second = Member::join(&memory, "g", &["t", "u"]);
    let Some(Event::Revoked(revoked, _)) = first.next() else { panic!("not revoked") };

    drop(second);
    first.nothing();
    first.0.release(revoked);

    let again = first.assigned();
    assert_eq!(again.len(), 1);
    assert!(epochs.iter().all(|(_, epoch)| *epoch < again[0].1));
}

#[test]
fn a_grant_that_nobody_heard_of_moves_on_without_a_word() {
    let memory = memory(2);
    let mut first = Member::join(&memory, "g", &["t"]);
    let mut second = Member::join(&memory, "g", &["t"]);

    assert_eq!(first.assigned().len(), 1);
    assert_eq!(second.assigned().len(), 1);
    first.nothing();
}

#[test]
fn nothing_is_read_between_revoke_and_release() {
    let memory = memory(2);
    let mut first = Member::join(&memory, "g", &["t"]);
    first.begin("t");
    let _second = Member::join(&memory, "g", &["t"]);
    assert_eq!(first.revoked(), [1]);

    memory.produce(to("t", 1)).unwrap();

    first.nothing();
}

#[test]
fn an_assignment_can_be_revoked_before_it_is_answered() {
    let memory = memory(2);
    memory.produce(to("t", 1)).unwrap();
    let mut first = Member::join(&memory, "g", &["t"]);
    assert_eq!(first.assigned().len(), 2);
    let mut second = Member::join(&memory, "g", &["t"]);
    assert_eq!(first.revoked(), [1]);

    first.0.assign(vec![(at("t", 0), None), (at("t", 1), None)]);
    first.nothing();
    first.0.release(vec![at("t", 1)]);

    assert_eq!(partitions(second.begin("t")), [1]);
    assert_eq!(second.records().2, [0]);
}

#[test]
fn only_what_was_revoked_can_be_released() {
    let memory = memory(4);
    let (mut first, mut second) = two(&memory);

    first.0.release(vec![at("t", 0), at("t", 2)]);

    second.nothing();
    assert_eq!(first.commit("t", 0, 0), Ok(()));
}

#[test]
fn a_member_that_leaves_leaves_everything_at_once() {
    for leave in [
        |member: &mut Member| member.0.close(Duration::ZERO),
        |member: &mut Member| {
            drop(std::mem::replace(member, Member::join(&Memory::new(), "g", &["t"])));
        },
    ] {
        let memory = memory(4);
        let (mut first, mut second) = two(&memory);

        leave(&mut first);

        assert_eq!(partitions(second.begin("t")), [0, 1]);
        assert_eq!(memory.members("g"), 1);
    }
}

#[test]
fn closed_is_the_last_word() {
    let memory = memory(1);
    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");
    member.0.commit(vec![(at("t", 0), 0)]);

    member.0.close(Duration::ZERO);
    member.0.close(Duration::ZERO);
    member.0.commit(vec![(at("t", 0), 0)]);

    assert!(member.committed().is_ok());
    assert!(matches!(member.next(), Some(Event::Closed)));
    member.nothing();
}

#[test]
fn a_commit_needs_the_partition() {
    let memory = memory(4);
    let (mut first, mut second) = two(&memory);
    let third = Member::join(&memory, "g", &["t"]);

    let revoked = first.revoked();
    assert_eq!(first.commit("t", revoked[0], 0), Ok(()), "revoked, and not yet released");
    first.0.release(vec![at("t", revoked[0])]);
    assert_eq!(first.commit("t", revoked[0], 1), Err(ErrorKind::Fenced), "released");
    assert_eq!(second.commit("t", 0, 1), Err(ErrorKind::Fenced), "another's");
    second.0.commit(vec![(at("t", 2), 1), (at("t", 0), 1)]);
    let error = second.committed().unwrap_err();
    assert_eq!(error.to_string(), "could not commit for group `g`: `t/0` is not this member's");
    assert_eq!(memory.committed("g", "t", 2), None, "all or nothing");
    drop(third);
}

#[test]
fn a_grant_that_nobody_heard_of_cannot_be_committed() {
    let memory = memory(1);
    let mut member = Member::join(&memory, "g", &["t"]);

    member.0.commit(vec![(at("t", 0), 1)]);

    assert_eq!(member.committed().unwrap_err().kind(), ErrorKind::Fenced);
}

#[test]
fn a_commit_before_the_answer_to_another_is_refused() {
    let memory = memory(1);
    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");

    member.0.commit(vec![(at("t", 0), 1)]);
    member.0.commit(vec![(at("t", 0), 2)]);

    assert!(member.committed().is_ok());
    assert_eq!(member.committed().unwrap_err().kind(), ErrorKind::Driver);
    assert_eq!(memory.committed("g", "t", 0), Some(1));
}

#[test]
fn a_topic_that_grows_is_spread_over_the_group() {
    let memory = memory(4);
    let (mut first, mut second) = two(&memory);

    memory.add_partitions("t", 8);

    let new = [first.begin("t"), second.begin("t")].map(partitions);
    assert_eq!(new.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    let mut all = new.concat();
    all.sort_unstable();
    assert_eq!(all, [4, 5, 6, 7]);
    first.nothing();
    second.nothing();
}

#[test]
fn the_time_for_a_revoke_is_told() {
    let memory = memory(2).revoke_within(Duration::from_secs(7));
    let mut first = Member::join(&memory, "g", &["t"]);
    first.assigned();
    let _second = Member::join(&memory, "g", &["t"]);

    assert!(matches!(first.next(), Some(Event::Revoked(_, time)) if time.as_secs() == 7));
}

#[test]
fn groups_do_not_see_each_other() {
    let memory = memory(2);
    let mut one = Member::join(&memory, "one", &["t"]);
    let mut other = Member::join(&memory, "other", &["t"]);

    assert_eq!((one.begin("t").len(), other.begin("t").len()), (2, 2));
    assert_eq!(one.commit("t", 0, 0), Ok(()));
    assert_eq!(memory.committed("other", "t", 0), None);
}
