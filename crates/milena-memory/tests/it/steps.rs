//! Each fault of transactional producers.

use crate::{
    Inbox, now, to,
    transactions::{MINUTE, identify, kind, publish, reading, send, transactions},
};
use milena_core::{
    error::{Error, ErrorKind},
    transport::{GroupMetadata, Transactions, Transport},
};
use milena_memory::{Memory, TransactionStep};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

use TransactionStep::{Abort, Begin, Commit, SendOffsets, Start};

/// A transaction up to this step, with one record, which is told what became of it.
fn up_to(
    step: TransactionStep,
    by: &Arc<dyn Transactions>,
    who: &GroupMetadata,
) -> Result<(), ErrorKind> {
    let begun = kind(now(by.begin()));
    if step == Begin {
        return begun;
    }
    publish(by, "out", 1)?;
    match step {
        SendOffsets => send(by, 3, who),
        Abort => kind(now(by.abort())),
        _ => {
            send(by, 3, who)?;
            kind(now(by.commit()))
        }
    }
}

/// How many records were committed, and which offset.
fn committed(memory: &Memory) -> (usize, Option<i64>) {
    (memory.records("out").len(), memory.committed("g", "t", 0))
}

#[test]
fn a_step_is_refused_as_often_as_was_asked_and_another_is_not() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    for step in [Begin, SendOffsets, Commit] {
        memory.faults().refuse_steps(step, 2, ErrorKind::Aborted);
        for _ in 0..2 {
            assert_eq!(up_to(step, &billing, &who), Err(ErrorKind::Aborted), "{step:?}");
            assert_eq!(kind(now(billing.commit())), Err(ErrorKind::Aborted), "{step:?}");
            now(billing.abort()).unwrap();
        }
    }
    assert_eq!(committed(&memory), (0, None));

    assert_eq!(up_to(Commit, &billing, &who), Ok(()));

    assert_eq!(committed(&memory), (1, Some(3)));
    assert_eq!(memory.faults().fired().steps_refused, 6);
}

#[test]
fn an_abort_that_is_refused_can_be_tried_again() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    memory.faults().refuse_steps(Abort, 1, ErrorKind::Aborted);

    assert_eq!(up_to(Abort, &billing, &who), Err(ErrorKind::Aborted));
    now(billing.abort()).unwrap();

    assert_eq!(up_to(Commit, &billing, &who), Ok(()));
    assert_eq!(memory.faults().fired().steps_refused, 1);
}

#[test]
fn a_step_that_is_refused_as_fenced_is_aborted_at_the_broker() {
    for step in [Begin, SendOffsets, Commit, Abort] {
        let memory = Memory::new();
        let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
        let who = identify(&mut member);
        memory.faults().refuse_steps(step, 1, ErrorKind::Fenced);

        assert_eq!(up_to(step, &billing, &who), Err(ErrorKind::Fenced));

        assert_eq!(memory.open_transactions(), []);
        assert_eq!(kind(now(billing.begin())), Err(ErrorKind::Fenced));
        assert_eq!(committed(&memory), (0, None));
        assert_eq!(memory.faults().fired().steps_refused, 1);
    }
}

#[test]
fn who_does_not_know_the_outcome_can_do_nothing_more() {
    for step in [Begin, SendOffsets, Commit, Abort] {
        let memory = Memory::new();
        let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
        let who = identify(&mut member);
        memory.faults().refuse_steps(step, 1, ErrorKind::Unreachable);

        assert_eq!(up_to(step, &billing, &who), Err(ErrorKind::Unreachable));

        let driver = Err(ErrorKind::Driver);
        assert_eq!(publish(&billing, "out", 1), driver);
        assert_eq!(send(&billing, 4, &who), driver);
        assert_eq!(kind(now(billing.commit())), driver);
        assert_eq!(kind(now(billing.abort())), driver);
        assert_eq!(kind(now(billing.begin())), driver);
        let next = transactions(&memory, "billing");
        assert_eq!(memory.open_transactions(), []);
        assert_eq!(up_to(Commit, &next, &who), Ok(()));
        assert_eq!(committed(&memory), (1, Some(3)));
        assert_eq!(memory.faults().fired().steps_refused, 1);
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_done() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    memory.faults().lose_step_answers(Commit, 1);

    assert_eq!(up_to(Commit, &billing, &who), Err(ErrorKind::TimedOut));

    assert_eq!(committed(&memory), (1, Some(3)));
    assert_eq!(kind(now(billing.begin())), Err(ErrorKind::Driver));
    drop(transactions(&memory, "billing"));
    assert_eq!(committed(&memory), (1, Some(3)));
    assert_eq!(memory.faults().fired().step_answers_lost, 1);
}

#[test]
fn a_commit_whose_request_is_lost_is_not_done() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    memory.faults().lose_step_requests(Commit, 1);

    assert_eq!(up_to(Commit, &billing, &who), Err(ErrorKind::TimedOut));

    assert_eq!(memory.open_transactions(), ["billing".into()]);
    let next = transactions(&memory, "billing");
    assert_eq!((memory.open_transactions(), committed(&memory)), (vec![], (0, None)));
    assert_eq!(up_to(Commit, &next, &who), Ok(()));
    assert_eq!(memory.faults().fired().step_requests_lost, 1);
}

#[test]
fn other_steps_are_done_or_not_when_nobody_is_told() {
    for (step, open) in [(SendOffsets, true), (Abort, false)] {
        let memory = Memory::new();
        let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
        let who = identify(&mut member);
        memory.faults().lose_step_answers(step, 1);
        memory.faults().lose_step_requests(step, 1);

        assert_eq!(up_to(step, &billing, &who), Err(ErrorKind::TimedOut));
        assert_eq!(memory.open_transactions().len(), usize::from(open), "{step:?} was done");
        let next = transactions(&memory, "billing");
        assert_eq!(up_to(step, &next, &who), Err(ErrorKind::TimedOut));
        assert_eq!(memory.open_transactions().len(), 1, "{step:?} was not done");

        let fired = memory.faults().fired();
        assert_eq!((fired.step_answers_lost, fired.step_requests_lost), (1, 1));
    }
}

#[test]
fn a_producer_that_is_not_made_has_fenced_the_one_before_or_not() {
    let memory = Memory::new();
    let start = || now(memory.transactions("billing".into(), MINUTE)).map(drop);
    let billing = transactions(&memory, "billing");
    memory.faults().refuse_steps(Start, 1, ErrorKind::Unreachable);
    memory.faults().lose_step_requests(Start, 1);
    memory.faults().lose_step_answers(Start, 1);

    assert_eq!(kind(start()), Err(ErrorKind::Unreachable));
    assert_eq!(kind(start()), Err(ErrorKind::TimedOut));
    now(billing.begin()).unwrap();
    assert_eq!(kind(start()), Err(ErrorKind::TimedOut));
    assert_eq!(kind(now(billing.commit())), Err(ErrorKind::Fenced));
    assert_eq!(kind(start()), Ok(()));

    let fired = memory.faults().fired();
    let struck = (fired.steps_refused, fired.step_requests_lost, fired.step_answers_lost);
    assert_eq!(struck, (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_come_late_and_what_was_done_was_done_at_once() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    billing.begin().await.unwrap();
    publish(&billing, "out", 1).unwrap();
    send(&billing, 3, &who).unwrap();
    memory.faults().delay_step_answers(Commit, 1, 5 * MINUTE);
    let begun = Instant::now();

    let committing = billing.clone();
    let commit = tokio::spawn(async move { committing.commit().await });
    while committed(&memory).0 == 0 {
        memory.changed().await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    commit.await.unwrap().unwrap();

    assert_eq!(begun.elapsed(), 5 * MINUTE);
    billing.begin().await.unwrap();
    billing.commit().await.unwrap();
    assert_eq!(begun.elapsed(), 5 * MINUTE);
    assert_eq!(memory.faults().fired().step_answers_delayed, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_can_be_waited_for() {
    let memory = Memory::new();
    memory.faults().lose_step_answers(Start, 1);
    memory.faults().delay_step_answers(Start, 1, MINUTE);
    let begun = Instant::now();

    let started = memory.transactions("billing".into(), MINUTE).await;

    assert_eq!(started.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(begun.elapsed(), MINUTE);
    let fired = memory.faults().fired();
    assert_eq!((fired.step_answers_lost, fired.step_answers_delayed), (1, 1));
}

#[test]
fn a_rival_takes_the_id_and_what_was_open_is_aborted() {
    let memory = Memory::new();
    let (billing, inbox) = (transactions(&memory, "billing"), Arc::new(Inbox::default()));
    now(billing.begin()).unwrap();
    publish(&billing, "out", 1).unwrap();

    memory.faults().fence_producer("billing");
    memory.faults().fence_producer("nobody");

    assert_eq!(memory.open_transactions(), []);
    billing.producer().enqueue(to("out", 0), inbox.receipt(0)).unwrap();
    assert_eq!(inbox.take(), [(0, Err(ErrorKind::Fenced))]);
    assert_eq!(kind(now(billing.commit())), Err(ErrorKind::Fenced));
    now(transactions(&memory, "billing").begin()).unwrap();
    assert_eq!(memory.faults().fired().producers_fenced, 1);
}

#[test]
fn a_generation_that_moves_refuses_one_transaction() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    memory.faults().move_generation("g");
    let who = identify(&mut member);

    assert_eq!(up_to(Commit, &billing, &who), Err(ErrorKind::Aborted));
    now(billing.abort()).unwrap();
    assert_eq!(up_to(Commit, &billing, &who), Ok(()));

    assert_eq!(memory.faults().fired().commits_outdated, 1);
}

#[test]
fn a_refused_write_is_a_refused_record_of_the_transaction() {
    let memory = Memory::new();
    let (billing, mut member) = (transactions(&memory, "billing"), reading(&memory));
    let who = identify(&mut member);
    memory.faults().refuse_writes("out", ErrorKind::Unauthorized);
    now(billing.begin()).unwrap();

    let refused = now(billing.producer().send_all(vec![to("out", 0)])).unwrap_err();

    assert_eq!(Error::from(refused).kind(), ErrorKind::Unauthorized);
    assert_eq!(kind(now(billing.commit())), Err(ErrorKind::Aborted));
    now(billing.abort()).unwrap();
    memory.faults().accept_writes("out");
    assert_eq!(up_to(Commit, &billing, &who), Ok(()));
    assert_eq!(memory.faults().fired().writes_refused, 1);
}
