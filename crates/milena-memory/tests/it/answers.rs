use crate::{Bell, Member, at, membership, to, write};
use milena_core::{
    error::ErrorKind,
    record::Epoch,
    transport::{Event, Fetch, Membership, Selection},
};
use milena_memory::Memory;
use std::{
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

fn reading(memory: &Memory) -> Member {
    let mut member = Member::join(memory, "g", &["t"]);
    member.begin("t");
    member
}

#[test]
fn a_generation_that_moves_refuses_one_commit_of_each_member() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let mut first = reading(&memory);
    let mut second = Member::join(&memory, "g", &["t"]);
    second.assigned();
    assert_eq!(first.revoked(), [1]);
    first.0.release(vec![at("t", 1)]);
    second.begin("t");

    memory.faults().move_generation("g");

    assert_eq!(first.commit("t", 0, 1), Err(ErrorKind::Rebalancing));
    assert_eq!(first.commit("t", 0, 1), Ok(()));
    assert_eq!(second.commit("t", 1, 1), Err(ErrorKind::Rebalancing));
    assert_eq!(memory.faults().fired().commits_outdated, 2);
    first.nothing();
    second.nothing();
}

#[test]
fn a_generation_that_moves_takes_everything_where_a_rebalance_does() {
    let memory = Memory::new();
    let option = [("partition.assignment.strategy", "range")];
    let mut member = Member::with(&memory, crate::configured("g", &["t"], &option));
    member.begin("t");

    memory.faults().move_generation("g");

    assert_eq!(member.revoked(), [0]);
    assert_eq!(member.commit("t", 0, 1), Err(ErrorKind::Rebalancing));
    assert_eq!(member.commit("t", 0, 1), Ok(()));
    member.0.release(vec![at("t", 0)]);
    assert_eq!(member.begin("t").len(), 1);
}

#[test]
fn held_commits_are_done_and_answered_later() {
    let memory = Memory::new();
    let mut member = reading(&memory);
    memory.faults().hold_commits(1);

    member.0.commit(vec![(at("t", 0), 1)]);
    member.nothing();
    assert_eq!(memory.committed("g", "t", 0), Some(1));
    assert_eq!(member.commit("t", 0, 2), Err(ErrorKind::Driver), "one is on its way");
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    assert!(member.0.poll_event(&mut Context::from_waker(&waker)).is_pending());
    memory.faults().release_commits();

    assert_eq!(bell.rung(), 1);
    assert!(member.committed().is_ok());
    assert_eq!(member.commit("t", 0, 3), Ok(()));
    assert_eq!(memory.faults().fired().commit_answers_held, 1);
}

#[test]
fn what_was_to_be_held_is_not_when_that_is_over() {
    let memory = Memory::new();
    let mut member = reading(&memory);
    memory.faults().hold_commits(5);
    memory.faults().release_commits();

    assert_eq!(member.commit("t", 0, 1), Ok(()));
    assert_eq!(memory.faults().fired().commit_answers_held, 0);
}

#[test]
fn a_member_that_leaves_is_not_left_without_an_answer() {
    let memory = Memory::new();
    let mut member = reading(&memory);
    memory.faults().hold_commits(1);
    member.0.commit(vec![(at("t", 0), 1)]);

    member.0.close(Duration::ZERO);

    assert_eq!(member.committed().unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(matches!(member.next(), Some(Event::Closed)));
    memory.faults().release_commits();
    member.nothing();
}

#[test]
fn a_lost_answer_is_of_a_commit_that_was_done() {
    let memory = Memory::new();
    let mut member = reading(&memory);
    memory.faults().lose_commit_answers(1);

    assert_eq!(member.commit("t", 0, 1), Err(ErrorKind::Unreachable));
    assert_eq!(memory.committed("g", "t", 0), Some(1));
    assert_eq!(member.commit("t", 0, 2), Ok(()));
    assert_eq!(memory.faults().fired().commit_answers_lost, 1);
}

#[test]
fn no_record_arrives_while_fetches_are_held() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let mut member = reading(&memory);
    memory.faults().hold_fetches("t", 0);
    assert_eq!(memory.faults().fired().fetches_held, 0);

    write(&memory, "t", 2);
    memory.produce(to("t", 1)).unwrap();
    assert_eq!(member.records().0, 1);
    member.nothing();
    assert_eq!(memory.faults().fired().fetches_held, 1);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    assert!(member.0.poll_event(&mut Context::from_waker(&waker)).is_pending());
    memory.faults().release_fetches("t", 0);

    assert_eq!(bell.rung(), 1);
    let (partition, _, offsets) = member.records();
    assert_eq!((partition, offsets), (0, vec![0, 1]));
}

fn fetch(topic: &str, end: i64) -> Fetch {
    let (asked, answered) = (Some(Duration::from_secs(1)), Some(Duration::from_mins(5)));
    Fetch { partition: at(topic, 0), epoch: Epoch::default(), asked, answered, end: Some(end) }
}

#[test]
fn each_member_is_told_of_the_fetches_of_its_own() {
    let memory = Memory::new();
    let mut member = Member::join(&memory, "g", &["t"]);
    let epoch = member.begin("t")[0].1;
    let mut other = Member::join(&memory, "g", &["u"]);
    other.begin("u");
    let mut idle = Member::join(&memory, "g", &["t"]);
    idle.assigned();

    memory.faults().report_fetches("g", vec![fetch("t", 7), fetch("v", 8), fetch("u", 9)]);

    let Some(Event::Fetches(told)) = member.next() else { panic!("nothing was told") };
    assert_eq!(told, [Fetch { epoch, ..fetch("t", 7) }]);
    assert!(matches!(other.next(), Some(Event::Fetches(told)) if told[0].end == Some(9)));
    idle.nothing();
    assert_eq!(memory.faults().fired().fetches_reported, 2);
}

#[test]
fn faults_of_a_group_are_none_of_another() {
    let memory = Memory::new();
    let selection = Selection::topics(["t"]);
    let mut alone =
        Member::with(&memory, Membership { group: None, selection, ..membership("", &[]) });
    alone.begin("t");

    memory.faults().move_generation("g");
    memory.faults().lose_partitions("g");
    memory.faults().report_fetches("g", [fetch("t", 1)]);

    alone.nothing();
    assert_eq!(memory.faults().fired(), milena_memory::Fired::default());
}
