use crate::{Member, at, configured, write};
use milena_core::{error::ErrorKind, transport::Event};
use milena_memory::Memory;
use std::time::Duration;

const STRATEGIES: [&str; 2] = ["cooperative-sticky", "range"];

fn join(memory: &Memory, strategy: &str, instance: &str) -> Member {
    let options = [("partition.assignment.strategy", strategy), ("group.instance.id", instance)];
    Member::with(memory, configured("g", &["t"], &options))
}

fn partitions(member: &mut Member) -> Vec<i32> {
    member.begin("t").into_iter().map(|(partition, _)| partition).collect()
}

/// Two members that share a topic of two partitions.
fn two(memory: &Memory, strategy: &str) -> (Member, Member) {
    memory.create_topic("t", 2);
    let (mut first, mut second) = (join(memory, strategy, "a"), join(memory, strategy, "b"));
    assert_eq!((partitions(&mut first), partitions(&mut second)), (vec![0], vec![1]));
    (first, second)
}

#[test]
fn a_static_member_that_leaves_finds_its_part_again() {
    for strategy in STRATEGIES {
        let memory = Memory::new();
        let (mut first, mut second) = two(&memory, strategy);

        first.0.close(Duration::ZERO);
        assert!(matches!(first.next(), Some(Event::Closed)));
        second.nothing();
        assert_eq!(memory.members("g"), 2);
        let mut again = join(&memory, strategy, "a");

        assert_eq!(partitions(&mut again), [0]);
        second.nothing();
        assert_eq!(memory.members("g"), 2);
    }
}

#[test]
fn what_is_kept_for_a_static_member_is_nobodys_until_its_time_is_over() {
    let memory = Memory::new();
    let (first, mut second) = two(&memory, "cooperative-sticky");
    drop(first);
    write(&memory, "t", 1);
    second.nothing();

    assert!(memory.expire("g", "a"));

    assert_eq!(partitions(&mut second), [0]);
    assert_eq!(second.records().2, [0]);
    assert!(!memory.expire("g", "a"));
    assert!(!memory.expire("g", "b"), "it is there");
    assert_eq!(memory.members("g"), 1);
}

#[test]
fn the_time_of_a_static_member_ends_in_an_eager_group_too() {
    let memory = Memory::new();
    let (first, mut second) = two(&memory, "range");
    drop(first);

    assert!(memory.expire("g", "a"));

    assert_eq!(second.revoked(), [1]);
    second.0.release(vec![at("t", 1)]);
    assert_eq!(partitions(&mut second), [0, 1]);
}

#[test]
fn a_second_member_of_the_same_name_fences_the_first() {
    for strategy in STRATEGIES {
        let memory = Memory::new();
        let (mut first, mut second) = two(&memory, strategy);

        let mut again = join(&memory, strategy, "a");

        let error = first.failed();
        assert_eq!(error.kind(), ErrorKind::Fenced);
        let message = "could not stay in group `g`: another member has `group.instance.id` `a`";
        assert_eq!(error.to_string(), message);
        first.nothing();
        assert_eq!(partitions(&mut again), [0]);
        second.nothing();
        assert_eq!(first.commit("t", 0, 1), Err(ErrorKind::Fenced));
        first.0.close(Duration::ZERO);
        assert!(matches!(first.next(), Some(Event::Closed)));
        again.nothing();
        assert_eq!(again.commit("t", 0, 1), Ok(()));
        assert_eq!(memory.members("g"), 2);
    }
}

#[test]
fn a_part_is_kept_also_while_others_rebalance() {
    for strategy in STRATEGIES {
        let memory = Memory::new();
        let (first, mut second) = two(&memory, strategy);
        drop(first);
        let third = join(&memory, strategy, "c");
        if strategy == "range" {
            assert_eq!(second.revoked(), [1]);
            second.0.release(vec![at("t", 1)]);
            assert_eq!(partitions(&mut second), [1]);
        }
        second.nothing();

        let mut again = join(&memory, strategy, "a");

        assert_eq!(partitions(&mut again), [0]);
        drop(third);
    }
}

#[test]
fn members_are_dealt_to_by_their_names() {
    let memory = Memory::new();
    memory.create_topic("t", 3);
    let mut plain = Member::with(
        &memory,
        configured("g", &["t"], &[("partition.assignment.strategy", "range")]),
    );
    let (mut last, mut first) = (join(&memory, "range", "b"), join(&memory, "range", "a"));

    let parts = [&mut first, &mut last, &mut plain].map(partitions);

    assert_eq!(parts, [[0], [1], [2]]);
}
