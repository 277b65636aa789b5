//! What the coordinator of transactions does, seen by readers, groups and other producers.

use crate::{Inbox, Member, at, configured, membership, now, to, write};
use milena_core::{
    ProducerRecord, Record,
    error::{Error, ErrorKind},
    transport::{Event, GroupMetadata, IsolationLevel, Lookup, Transactions, Transport},
};
use milena_memory::Memory;
use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::Instant;

pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// A transactional producer, whose transactions may take a minute.
pub(crate) fn transactions(memory: &Memory, id: &str) -> Arc<dyn Transactions> {
    now(memory.transactions(id.into(), MINUTE)).unwrap()
}

/// Writes so many records to partition 0 of a topic; why the first that was refused was.
pub(crate) fn publish(
    by: &Arc<dyn Transactions>,
    topic: &str,
    records: usize,
) -> Result<(), ErrorKind> {
    let sent = now(by.producer().send_all(vec![to(topic, 0); records]));
    sent.map(drop).map_err(|error| Error::from(error).kind())
}

pub(crate) fn kind(result: Result<(), Error>) -> Result<(), ErrorKind> {
    result.map_err(|error| error.kind())
}

/// Who the member is, of partition 0 of `t`.
pub(crate) fn identify(member: &mut Member) -> GroupMetadata {
    now(member.0.group_metadata(vec![at("t", 0)])).unwrap()
}

pub(crate) fn send(
    by: &Arc<dyn Transactions>,
    offset: i64,
    who: &GroupMetadata,
) -> Result<(), ErrorKind> {
    kind(now(by.send_offsets(vec![(at("t", 0), offset)], who.clone())))
}

/// A member of `g` that reads `t`.
pub(crate) fn reading(memory: &Memory) -> Member {
    let mut member = Member::join(memory, "g", &["t"]);
    member.begin("t");
    member
}

fn offsets(records: &[Record]) -> Vec<i64> {
    records.iter().map(Record::offset).collect()
}

fn uncommitted(memory: &Memory, topic: &str) -> Vec<i64> {
    offsets(&memory.records_at(topic, IsolationLevel::ReadUncommitted))
}

fn asked(lookup: &Arc<dyn Lookup>) -> Poll<Option<i64>> {
    let mut asked = lookup.committed(vec![at("t", 0)]);
    let answer = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    answer.map(|committed| committed.unwrap()[0])
}

#[test]
fn each_end_of_a_transaction_takes_an_offset_and_is_no_record() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    now(billing.begin()).unwrap();
    publish(&billing, "t", 2).unwrap();
    assert_eq!(memory.open_transactions(), ["billing".into()]);
    assert_eq!((memory.stable_end("t", 0), memory.end("t", 0)), (0, 2));
    member.nothing();
    now(billing.commit()).unwrap();

    assert_eq!((memory.stable_end("t", 0), memory.end("t", 0)), (3, 3));
    assert_eq!(memory.open_transactions(), []);
    assert_eq!(member.records().2, [0, 1]);
    assert!(matches!(member.next(), Some(Event::Position(_, _, 3))));
    now(billing.begin()).unwrap();
    publish(&billing, "t", 1).unwrap();
    now(billing.abort()).unwrap();
    assert!(matches!(member.next(), Some(Event::Position(_, _, 5))));
    member.nothing();
}

#[test]
fn readers_of_both_levels_see_what_is_theirs() {
    let memory = Memory::new();
    let [aborted, open] = ["a", "b"].map(|id| transactions(&memory, id));
    for (by, records) in [(&aborted, 2), (&open, 1)] {
        write(&memory, "t", 1);
        now(by.begin()).unwrap();
        publish(by, "t", records).unwrap();
    }
    write(&memory, "t", 1);
    now(aborted.abort()).unwrap();

    let level = [("isolation.level", "read_uncommitted")];
    let mut all = Member::with(&memory, configured("h", &["t"], &level));
    all.begin("t");
    let mut committed = reading(&memory);

    assert_eq!(offsets(&memory.records("t")), [0, 3]);
    assert_eq!(uncommitted(&memory, "t"), [0, 1, 2, 3, 4, 5]);
    assert_eq!(committed.records().2, [0, 3]);
    committed.nothing();
    assert_eq!(all.records().2, [0, 1, 2, 3, 4, 5]);
    let ends = [&committed, &all].map(|member| {
        let bounds = now(member.0.lookup().bounds(vec![at("t", 0)])).unwrap();
        (bounds[0].start, bounds[0].end)
    });
    assert_eq!(ends, [(0, 4), (0, 7)]);
    now(open.commit()).unwrap();
    assert_eq!(committed.records().2, [4, 5]);
}

#[test]
fn a_level_that_does_not_exist_is_refused() {
    let level = [("isolation.level", "read_everything")];
    let mut member = Member::with(&Memory::new(), configured("g", &["t"], &level));

    let error = member.failed();

    let text = "could not use option `isolation.level`: there is no `read_everything`";
    assert_eq!(error.to_string(), text);
}

#[test]
fn what_begins_at_the_end_begins_at_the_open_transaction() {
    let memory = Memory::new();
    let billing = transactions(&memory, "billing");
    write(&memory, "t", 1);
    now(billing.begin()).unwrap();
    publish(&billing, "t", 1).unwrap();

    let mut member = Member::join_at(&memory, "g", &["t"], milena_core::transport::StartAt::Latest);
    member.begin("t");
    member.nothing();
    now(billing.commit()).unwrap();

    assert_eq!(member.records().2, [1]);
}

#[test]
fn a_record_that_is_not_stable_has_no_time_yet() {
    let memory = Memory::new();
    let billing = transactions(&memory, "billing");
    let lookup = reading(&memory).0.lookup();
    now(billing.begin()).unwrap();
    now(billing.producer().send_all(vec![to("t", 0).timestamp(100)])).unwrap();
    let at_time = || now(lookup.at_time(vec![(at("t", 0), 50)])).unwrap()[0];

    assert_eq!(at_time(), None);
    now(billing.commit()).unwrap();
    assert_eq!(at_time(), Some(0));
}

#[test]
fn compaction_takes_what_was_aborted_and_leaves_what_is_open() {
    let memory = Memory::new();
    let keyed = |key: &'static str| to("t", 0).key(key).value("x");
    let billing = transactions(&memory, "billing");
    memory.produce(keyed("a")).unwrap();
    now(billing.begin()).unwrap();
    now(billing.producer().send_all(vec![keyed("a")])).unwrap();
    now(billing.abort()).unwrap();
    now(billing.begin()).unwrap();
    now(billing.producer().send_all(vec![keyed("b"), keyed("b")])).unwrap();

    memory.compact("t");

    assert_eq!(uncommitted(&memory, "t"), [0, 3, 4]);
    now(billing.commit()).unwrap();
    assert_eq!(offsets(&memory.records("t")), [0, 3, 4]);
}

#[test]
fn a_topic_that_is_deleted_is_no_part_of_a_transaction_any_more() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    now(billing.begin()).unwrap();
    publish(&billing, "t", 1).unwrap();
    send(&billing, 1, &who).unwrap();

    memory.delete_topic("t");
    write(&memory, "t", 1);
    now(billing.commit()).unwrap();

    assert_eq!((memory.end("t", 0), memory.committed("g", "t", 0)), (1, None));
}

#[test]
fn calls_out_of_turn_are_refused_and_harm_nothing() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let (who, driver) = (identify(&mut member), Err(ErrorKind::Driver));

    assert_eq!(kind(now(billing.commit())), driver);
    assert_eq!(send(&billing, 1, &who), driver);
    assert_eq!(publish(&billing, "t", 1), Err(ErrorKind::Publish));
    now(billing.abort()).unwrap();
    now(billing.begin()).unwrap();
    assert_eq!(kind(now(billing.begin())), driver);
    let foreign = GroupMetadata::new("of another driver");
    assert_eq!(send(&billing, 1, &foreign), Err(ErrorKind::Config));
    publish(&billing, "t", 1).unwrap();
    now(billing.commit()).unwrap();

    assert_eq!(member.records().2, [0]);
}

#[test]
fn a_producer_that_has_its_id_no_more_can_do_nothing() {
    let memory = Memory::new();
    let (first, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    now(first.begin()).unwrap();
    publish(&first, "t", 1).unwrap();
    send(&first, 1, &who).unwrap();

    let second = transactions(&memory, "billing");

    let fenced = Err(ErrorKind::Fenced);
    assert_eq!(memory.open_transactions(), []);
    assert_eq!(publish(&first, "t", 1), fenced);
    assert_eq!(send(&first, 1, &who), fenced);
    let error = now(first.commit()).unwrap_err();
    let text = "could not commit a transaction of `billing`: another producer has the id";
    assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::Fenced, text));
    assert_eq!(kind(now(first.abort())), fenced);
    assert_eq!(kind(now(first.begin())), fenced);
    drop(first);
    now(second.begin()).unwrap();
    publish(&second, "t", 1).unwrap();
    now(second.commit()).unwrap();
    assert_eq!(offsets(&memory.records("t")), [2]);
    assert_eq!(memory.committed("g", "t", 0), None);
}

#[test]
fn what_is_left_open_stays_so_until_there_is_another_producer() {
    let memory = Memory::new();
    let first = transactions(&memory, "billing");
    now(first.begin()).unwrap();
    publish(&first, "t", 1).unwrap();

    drop(first);
    assert_eq!(memory.open_transactions(), ["billing".into()]);
    drop(transactions(&memory, "other"));
    assert_eq!(memory.open_transactions(), ["billing".into()]);
    drop(transactions(&memory, "billing"));

    assert_eq!(memory.open_transactions(), []);
    assert!(memory.records("t").is_empty());
}

#[test]
fn a_refused_record_of_each_sort_leaves_nothing_but_to_abort() {
    let memory = Memory::new().without_auto_create();
    memory.create_topic("t", 1);
    memory.faults().limit_record_bytes(Some(10));
    let billing = transactions(&memory, "billing");
    let refused = [
        (to("t", 0).value(vec![0; 11]), ErrorKind::TooLarge),
        (ProducerRecord::new("unknown"), ErrorKind::UnknownTopic),
        (to("t", 1), ErrorKind::Publish),
    ];

    for (record, why) in refused {
        now(billing.begin()).unwrap();
        publish(&billing, "t", 1).unwrap();
        let error = Error::from(now(billing.producer().send_all(vec![record])).unwrap_err());
        assert_eq!(error.kind(), why);
        assert_eq!(publish(&billing, "t", 1), Err(ErrorKind::Aborted));
        assert_eq!(kind(now(billing.begin())), Err(ErrorKind::Aborted));
        let error = now(billing.commit()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Aborted);
        let text = "could not commit a transaction of `billing`: a record was refused: could not ";
        assert!(error.to_string().starts_with(text), "{error}");
        now(billing.abort()).unwrap();
    }

    assert!(memory.records("t").is_empty());
}

#[test]
fn a_commit_waits_for_the_answers_to_all_records() {
    let memory = Memory::new();
    let (billing, inbox) = (transactions(&memory, "billing"), Arc::new(Inbox::default()));
    memory.faults().hold_deliveries();
    now(billing.begin()).unwrap();
    billing.producer().enqueue(to("t", 0), inbox.receipt(1)).unwrap();

    let mut commit = billing.commit();
    assert!(commit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(memory.open_transactions(), ["billing".into()]);
    memory.faults().release_deliveries();

    now(commit).unwrap();
    assert!(inbox.take()[0].1.is_ok());
    assert_eq!(memory.records("t").len(), 1);
    assert_eq!(memory.faults().fired().deliveries_held, 1);
}

#[test]
fn answers_that_are_held_come_when_the_transaction_is_over() {
    let memory = Memory::new();
    let (billing, inbox) = (transactions(&memory, "billing"), Arc::new(Inbox::default()));
    memory.faults().hold_deliveries();
    now(billing.begin()).unwrap();
    billing.producer().enqueue(to("t", 0), inbox.receipt(1)).unwrap();
    now(billing.abort()).unwrap();
    now(billing.begin()).unwrap();
    billing.producer().enqueue(to("t", 0), inbox.receipt(2)).unwrap();
    let rival = transactions(&memory, "billing");

    assert_eq!(inbox.take(), [(1, Err(ErrorKind::Aborted)), (2, Err(ErrorKind::Fenced))]);
    assert_eq!(kind(now(billing.commit())), Err(ErrorKind::Fenced));
    now(rival.begin()).unwrap();
    assert_eq!(memory.faults().fired().deliveries_held, 2);
}

#[test]
fn offsets_are_pending_until_the_commit() {
    let memory = Memory::new();
    write(&memory, "t", 5);
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    assert_eq!(member.commit("t", 0, 1), Ok(()));
    let (lookup, who) = (member.0.lookup(), identify(&mut member));
    let level = [("isolation.level", "read_uncommitted")];
    let other = Member::with(&memory, configured("g", &["u"], &level)).0.lookup();
    now(billing.begin()).unwrap();
    // Who else comes and goes has moved the generation.
    assert_eq!(send(&billing, 4, &who), Err(ErrorKind::Aborted));
    now(billing.abort()).unwrap();
    let who = identify(&mut member);
    now(billing.begin()).unwrap();
    send(&billing, 4, &who).unwrap();

    assert_eq!(memory.open_transactions(), ["billing".into()]);
    assert_eq!(memory.committed("g", "t", 0), Some(1));
    assert_eq!(asked(&lookup), Poll::Pending);
    assert_eq!(asked(&other), Poll::Ready(Some(1)));
    now(billing.commit()).unwrap();

    assert_eq!(asked(&lookup), Poll::Ready(Some(4)));
}

#[test]
fn a_plain_commit_behind_it_outdates_what_is_pending() {
    let memory = Memory::new();
    write(&memory, "t", 5);
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    now(billing.begin()).unwrap();
    send(&billing, 2, &who).unwrap();

    assert_eq!(member.records().2.len(), 5);
    assert_eq!(member.commit("t", 0, 3), Ok(()));
    now(billing.commit()).unwrap();

    assert_eq!(memory.committed("g", "t", 0), Some(3));
}

#[test]
fn an_assignment_that_waits_can_be_sought_and_taken_back() {
    let memory = Memory::new();
    write(&memory, "t", 5);
    let (billing, mut first) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut first);
    now(billing.begin()).unwrap();
    send(&billing, 4, &who).unwrap();
    drop(first);

    let mut second = reading(&memory);
    second.nothing();
    second.0.seek(vec![(at("t", 0), 2)]);
    assert_eq!(second.moved().2, 2);
    assert_eq!(second.records().2, [2, 3, 4]);
    drop(second);
    let mut third = reading(&memory);
    third.nothing();
    memory.faults().lose_partitions("g");
    assert_eq!(third.lost(), [0]);
    third.begin("t");
    now(billing.commit()).unwrap();

    assert_eq!(third.records().2, [4]);
}

#[test]
fn an_assignment_that_names_its_offset_or_reads_everything_does_not_wait() {
    let memory = Memory::new();
    write(&memory, "t", 5);
    let (billing, mut first) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut first);
    now(billing.begin()).unwrap();
    send(&billing, 4, &who).unwrap();
    drop(first);

    let mut second = Member::join(&memory, "g", &["t"]);
    second.assigned();
    second.0.assign(vec![(at("t", 0), Some(3))]);
    assert_eq!(second.records().2, [3, 4]);
    drop(second);
    let level = [("isolation.level", "read_uncommitted")];
    let mut third = Member::with(&memory, configured("g", &["t"], &level));
    third.begin("t");

    assert_eq!(third.records().2, [0, 1, 2, 3, 4]);
}

#[test]
fn who_gave_a_partition_away_cannot_commit_it_behind_that() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    let (billing, mut first) = (transactions(&memory, "billing"), reading(&memory));
    let mut second = Member::join(&memory, "g", &["t"]);
    second.assigned();
    let moved = first.revoked()[0];
    let places = vec![at("t", moved)];
    let who = now(first.0.group_metadata(places.clone())).unwrap();
    let sent = |offset| {
        let offsets = vec![(at("t", moved), offset)];
        kind(now(billing.send_offsets(offsets, who.clone())))
    };
    now(billing.begin()).unwrap();
    assert_eq!(sent(1), Ok(()), "it is its own until it is released");
    now(billing.commit()).unwrap();

    first.0.release(places.clone());
    now(billing.begin()).unwrap();
    assert_eq!(sent(2), Err(ErrorKind::Aborted));
    now(billing.abort()).unwrap();

    assert_eq!(memory.committed("g", "t", moved), Some(1));
    let refused = now(first.0.group_metadata(places.clone())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rebalancing);
    let early = now(second.0.group_metadata(places.clone())).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Rebalancing, "it was not told");
    second.begin("t");
    now(second.0.group_metadata(places)).unwrap();
}

#[test]
fn who_left_or_has_no_group_is_nobody() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    member.0.close(Duration::ZERO);
    let mut alone = Member::with(
        &memory,
        milena_core::transport::Membership { group: None, ..membership("", &["t"]) },
    );
    alone.begin("t");

    now(billing.begin()).unwrap();
    assert_eq!(send(&billing, 1, &who), Err(ErrorKind::Aborted));
    let left = now(member.0.group_metadata(vec![])).unwrap_err();
    assert_eq!(left.kind(), ErrorKind::Fenced);
    let without = now(alone.0.group_metadata(vec![at("t", 0)])).unwrap_err();
    assert_eq!(without.kind(), ErrorKind::Config);
}

#[test]
fn who_named_its_partitions_is_bound_to_no_generation() {
    let memory = Memory::new();
    memory.create_topic("t", 1);
    let selection = milena_core::transport::Selection::Partitions(vec![at("t", 0)]);
    let mut named = Member::with(
        &memory,
        milena_core::transport::Membership { selection, ..membership("g", &[]) },
    );
    named.begin("t");
    let (billing, who) = (transactions(&memory, "billing"), identify(&mut named));
    memory.faults().move_generation("g");

    now(billing.begin()).unwrap();
    send(&billing, 7, &who).unwrap();
    now(billing.commit()).unwrap();

    assert_eq!(memory.committed("g", "t", 0), Some(7));
}

#[test]
fn a_member_that_lost_its_partitions_speaks_for_none() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    now(billing.begin()).unwrap();

    memory.faults().lose_partitions("g");

    let refused = now(member.0.group_metadata(vec![at("t", 0)])).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rebalancing);
    assert_eq!(send(&billing, 1, &who), Err(ErrorKind::Aborted));
    assert_eq!(memory.faults().fired().members_lost, 1);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    let begun = Instant::now();
    billing.begin().await.unwrap();
    tokio::time::sleep(2 * MINUTE).await;
    publish(&billing, "t", 1).unwrap();
    tokio::time::sleep(MINUTE / 2).await;
    send(&billing, 1, &who).unwrap();
    write(&memory, "t", 1);

    // Nobody calls anything, and its reader is woken.
    let event = std::future::poll_fn(|cx| member.0.poll_event(cx)).await;

    assert_eq!(begun.elapsed(), 3 * MINUTE, "it counts from the first record on");
    assert!(matches!(event, Event::Records(chunk) if chunk.records().offset(0) == 1));
    assert_eq!(memory.committed("g", "t", 0), None);
    let error = billing.commit().await.unwrap_err();
    let text = "could not commit a transaction of `billing`: its transaction took too long";
    assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::Fenced, text));
    assert_eq!(kind(billing.abort().await), Err(ErrorKind::Fenced));
}

#[tokio::test(start_paused = true)]
async fn the_time_of_one_transaction_is_not_that_of_the_next() {
    let memory = Memory::new();
    let billing = transactions(&memory, "billing");

    for _ in 0..5 {
        billing.begin().await.unwrap();
        publish(&billing, "t", 1).unwrap();
        tokio::time::sleep(MINUTE * 2 / 3).await;
        billing.commit().await.unwrap();
    }

    assert_eq!(memory.records("t").len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_waits_ends_with_the_time_of_its_transaction() {
    let memory = Memory::new();
    let (billing, inbox) = (transactions(&memory, "billing"), Arc::new(Inbox::default()));
    memory.faults().hold_deliveries();
    billing.begin().await.unwrap();
    billing.producer().enqueue(to("t", 0), inbox.receipt(1)).unwrap();

    assert_eq!(kind(billing.commit().await), Err(ErrorKind::Fenced));

    assert_eq!(inbox.take(), [(1, Err(ErrorKind::Fenced))]);
    assert_eq!(memory.faults().fired().deliveries_held, 1);
}
