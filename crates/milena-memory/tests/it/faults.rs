use crate::{Bell, Inbox, Member, at, now, producer, to};
use milena_core::{ProducerRecord, error::ErrorKind, transport::Delivered};
use milena_memory::Memory;
use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

fn delivered(offset: i64) -> Result<Delivered, ErrorKind> {
    Ok(Delivered { partition: 0, offset })
}

#[test]
fn the_next_commits_are_refused_and_no_more() {
    let memory = Memory::new();
    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");
    memory.faults().refuse_commits(2, ErrorKind::Rebalancing);
    memory.faults().refuse_commits(1, ErrorKind::Unreachable);

    let answers = [(); 4].map(|()| member.commit("t", 0, 5));

    let refused = |kind| Err(kind);
    let again = refused(ErrorKind::Rebalancing);
    assert_eq!(answers, [again, again, refused(ErrorKind::Unreachable), Ok(())]);
    assert_eq!(memory.faults().fired().commits_refused, 3);
    assert_eq!(memory.committed("g", "t", 0), Some(5));
}

#[test]
fn a_member_whose_commit_is_fenced_loses_its_partitions_and_joins_anew() {
    let memory = Memory::new();
    let mut member = Member::join(&memory, "g", &["t"]);
    let before = member.begin("t");
    memory.faults().refuse_commits(1, ErrorKind::Fenced);

    assert_eq!(member.commit("t", 0, 5), Err(ErrorKind::Fenced));
    assert_eq!(member.lost(), [0]);
    let after = member.begin("t");

    assert_ne!(before[0].1, after[0].1);
    assert_eq!(member.commit("t", 0, 5), Ok(()));
}

#[test]
fn what_a_member_loses_is_another_members_at_once() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let mut first = Member::join(&memory, "g", &["t"]);
    first.begin("t");
    let mut second = Member::join(&memory, "g", &["t"]);
    second.assigned();
    first.revoked();

    memory.faults().lose_member("g", 0);

    assert_eq!(second.begin("t").len(), 2);
    first.0.commit(vec![(at("t", 0), 1)]);
    assert_eq!(first.lost(), [0, 1]);
    assert_eq!(first.committed().unwrap_err().kind(), ErrorKind::Fenced);
    assert_eq!(first.assigned(), []);
    let back = second.revoked();
    second.0.release(vec![at("t", back[0])]);
    assert_eq!(first.begin("t").iter().map(|(n, _)| *n).collect::<Vec<_>>(), back);
    assert_eq!(memory.faults().fired().members_lost, 1);
}

#[test]
fn a_whole_group_can_lose_its_partitions() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let [mut first, mut second] = [(); 2].map(|()| Member::join(&memory, "g", &["t"]));
    first.begin("t");
    second.begin("t");

    memory.faults().lose_partitions("g");
    memory.faults().lose_partitions("nobody");

    assert_eq!((first.lost().len(), second.lost().len()), (1, 1));
    assert_eq!((first.begin("t").len(), second.begin("t").len()), (1, 1));
    assert_eq!(memory.faults().fired().members_lost, 2);
}

#[test]
fn a_late_release_does_not_hit_the_next_assignment() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let mut first = Member::join(&memory, "g", &["t"]);
    first.begin("t");
    let second = Member::join(&memory, "g", &["t"]);
    assert_eq!(first.revoked(), [1]);
    drop(second);
    memory.faults().lose_partitions("g");
    assert_eq!(first.lost(), [0, 1]);
    first.begin("t");

    first.0.release(vec![at("t", 1)]);

    first.nothing();
    assert_eq!(first.commit("t", 1, 0), Ok(()));
}

#[test]
fn writes_to_a_topic_are_refused_until_that_is_lifted() {
    let memory = Memory::new();
    let (producer, inbox) = (producer(&memory), Arc::new(Inbox::default()));
    memory.faults().refuse_writes("t", ErrorKind::Unauthorized);

    producer.enqueue(to("t", 0), inbox.receipt(0)).unwrap();
    producer.enqueue(to("u", 0), inbox.receipt(1)).unwrap();
    memory.faults().accept_writes("t");
    producer.enqueue(to("t", 0), inbox.receipt(2)).unwrap();

    let refused = Err(ErrorKind::Unauthorized);
    assert_eq!(inbox.take(), [(0, refused), (1, delivered(0)), (2, delivered(0))]);
    assert_eq!(memory.faults().fired().writes_refused, 1);
}

#[test]
fn a_record_over_the_limit_is_too_large() {
    let memory = Memory::new();
    memory.faults().limit_record_bytes(Some(10));
    let record = |bytes| ProducerRecord::new("t").value(vec![0; bytes]);

    let error = memory.produce(record(11)).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let message = "could not write to topic `t`: the record has 11 bytes, the limit is 10";
    assert_eq!(error.to_string(), message);
    assert!(memory.produce(record(10)).is_ok());
    memory.faults().limit_record_bytes(None);
    assert!(memory.produce(record(11)).is_ok());
    assert_eq!(memory.faults().fired().records_too_large, 1);
}

#[test]
fn held_deliveries_are_written_and_answered_later() {
    let memory = Memory::new();
    let (producer, inbox) = (producer(&memory), Arc::new(Inbox::default()));
    memory.faults().hold_deliveries();
    for token in 0..3 {
        producer.enqueue(to("t", 0), inbox.receipt(token)).unwrap();
    }

    assert_eq!(memory.end("t", 0), 3);
    assert_eq!(inbox.take(), []);
    assert_eq!(now(producer.flush(Duration::MAX)), 3);
    memory.faults().release_deliveries();

    assert_eq!(inbox.take(), [(0, delivered(0)), (1, delivered(1)), (2, delivered(2))]);
    assert_eq!(now(producer.flush(Duration::ZERO)), 0);
    producer.enqueue(to("t", 0), inbox.receipt(3)).unwrap();
    assert_eq!(inbox.take(), [(3, delivered(3))]);
    assert_eq!(memory.faults().fired().deliveries_held, 3);
}

#[test]
fn a_producer_that_is_dropped_gives_up_what_is_held() {
    let memory = Memory::new();
    let inbox = Arc::new(Inbox::default());
    let [first, second] = [(); 2].map(|()| producer(&memory));
    memory.faults().hold_deliveries();
    first.enqueue(to("t", 0), inbox.receipt(0)).unwrap();
    second.enqueue(to("t", 0), inbox.receipt(1)).unwrap();

    drop(first);
    assert_eq!(inbox.take(), [(0, Err(ErrorKind::Driver))]);
    memory.faults().release_deliveries();
    assert_eq!(inbox.take(), [(1, delivered(1))]);
}

#[test]
fn a_full_producer_has_room_again_when_deliveries_are_released() {
    let memory = Memory::new();
    let (producer, inbox) = (producer(&memory), Arc::new(Inbox::default()));
    memory.faults().limit_room(Some(2));
    memory.faults().hold_deliveries();
    for token in 0..2 {
        producer.enqueue(to("t", 0), inbox.receipt(token)).unwrap();
    }
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());

    let full = producer.enqueue(to("t", 0).key("k"), inbox.receipt(2)).unwrap_err();
    let mut room = pin!(producer.room());
    assert!(room.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(full.record, to("t", 0).key("k"));
    memory.faults().release_deliveries();

    assert_eq!(bell.rung(), 1);
    now(room);
    producer.enqueue(full.record, full.receipt).unwrap();
    assert_eq!(inbox.take().len(), 3);
    assert_eq!(memory.faults().fired().producers_full, 1);
}
