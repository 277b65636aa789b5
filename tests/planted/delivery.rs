//! Bugs of what becomes of a record.

use crate::{
    kit::TestApp,
    promises::{Log, Promise, commit_safety, kept, no_duplicates, no_loss, produce, seen},
    shows,
};
use milena::{
    Batch, Memory, Retry, Router, batch, by_key, each,
    error::{Error, ErrorKind},
    planted::Bug,
    record::TopicPartition,
};
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn bad() -> Error {
    Error::new(ErrorKind::Driver, "bad")
}

/// A service that notes what it has done, and never comes to an end with `stuck`.
fn noting(done: &Log, stuck: Option<&'static str>) -> Router {
    let done = done.clone();
    let note = move |value: String| {
        let done = done.clone();
        async move {
            if stuck == Some(&*value) {
                pending::<()>().await;
            }
            done.push(&value);
        }
    };
    Router::new("g").drain_timeout(10 * MS).subscribe("in", each(note))
}

/// Another run of the service, until everything is done that is not committed.
async fn go_on(broker: &Memory, router: Router) {
    let test = TestApp::start_on(broker.clone(), router).await;
    test.settle().await;
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn commit_seen_breaks_commit_safety() {
    shows(Bug::CommitSeen, Promise::CommitSafety, async || {
        let (broker, done) = (Memory::new(), Log::default());
        let test = TestApp::start_on(broker.clone(), noting(&done, Some("b"))).await;
        produce(&broker, &["a", "b", "c"]);
        sleep(10 * S).await;
        let mut broken = commit_safety(test.committed("g", "in"), done.len());
        // It says which record was not done.
        drop(test.stop().await);

        go_on(&broker, noting(&done, None)).await;
        broken.extend(no_loss(&["a", "b", "c"], &done.all()));
        broken
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn skip_drain_breaks_key_order_across_a_hand_over() {
    shows(Bug::SkipDrain, Promise::KeyOrder, async || {
        let (broker, done) = (Memory::new(), Log::default());
        broker.create_topic("in", 2);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let member = || {
            let (done, running, most) = (done.clone(), running.clone(), most.clone());
            let slow = move |value: String| {
                let (done, running, most) = (done.clone(), running.clone(), most.clone());
                async move {
                    most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                    sleep(S).await;
                    running.fetch_sub(1, SeqCst);
                    done.push(&value);
                }
            };
            Router::new("g").subscribe("in", each(slow).concurrency(by_key(4)))
        };
        produce(&broker, &["a", "b"]);
        let other = milena_core::ProducerRecord::new("in").partition(1).key("k");
        broker.produce(other.value("c")).unwrap();
        let first = TestApp::start_on(broker.clone(), member()).await;
        sleep(500 * MS).await;
        let second = TestApp::start_on(broker.clone(), member()).await;
        second.settle().await;
        sleep(10 * S).await;
        first.stop().await.unwrap();
        second.stop().await.unwrap();

        // Two partitions, and in each of them one record after the other.
        let most = most.load(SeqCst);
        let mut broken = kept(Promise::KeyOrder, most <= 2, || format!("{most} calls at once"));
        broken.extend(no_duplicates(&done.all()));
        broken.extend(no_loss(&["a", "b", "c"], &done.all()));
        broken
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn ignore_epoch_loses_what_was_sought() {
    const VALUES: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];
    shows(Bug::IgnoreEpoch, Promise::NoLoss, async || {
        let (broker, done) = (Memory::new(), Log::default());
        let noted = done.clone();
        let once_stuck = move |value: String| {
            let done = noted.clone();
            async move {
                if value == "5" && done.count("5") == 1 {
                    pending::<()>().await;
                }
                done.push(&value);
            }
        };
        let router = Router::new("g").drain_timeout(10 * MS).subscribe("in", each(once_stuck));
        broker.faults().hold_commits(1);
        produce(&broker, &VALUES);
        let test = TestApp::start_on(broker.clone(), router).await;
        sleep(10 * S).await;
        // All is done and committed, but for the answer, which comes behind the seek.
        test.control("g").seek(&TopicPartition::new("in", 0), 0).await.unwrap();
        sleep(10 * S).await;
        broker.faults().release_commits();
        assert_eq!(broker.faults().fired().commit_answers_held, 1);
        sleep(10 * S).await;
        drop(test.stop().await);

        go_on(&broker, noting(&done, None)).await;
        let once: Vec<_> = VALUES.iter().filter(|it| done.count(it) < 2).collect();
        kept(Promise::NoLoss, once.is_empty(), || format!("{once:?} did not come again"))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn settle_unwritten_dead_letter_breaks_commit_safety_and_loses_it() {
    for promise in [Promise::CommitSafety, Promise::NoLoss] {
        shows(Bug::SettleUnwrittenDeadLetter, promise, async || {
            let broker = Memory::new();
            let fail = |_: String| async { Err::<(), _>(bad()) };
            let router = || {
                let subscriber = each(fail).dead_letter("dead");
                Router::new("g").drain_timeout(10 * MS).subscribe("in", subscriber)
            };
            broker.faults().refuse_writes("dead", ErrorKind::Unauthorized);
            let test = TestApp::start_on(broker.clone(), router()).await;
            produce(&broker, &["a"]);
            sleep(10 * S).await;
            assert!(broker.faults().fired().writes_refused > 0);
            let mut broken = commit_safety(test.committed("g", "in"), 0);
            drop(test.stop().await);

            broker.faults().accept_writes("dead");
            go_on(&broker, router()).await;
            broken.extend(no_loss(&["a"], &seen(&broker, "dead")));
            broken
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn settle_unwritten_reply_breaks_commit_safety_and_loses_it() {
    for promise in [Promise::CommitSafety, Promise::NoLoss] {
        shows(Bug::SettleUnwrittenReply, promise, async || {
            let broker = Memory::new();
            let copy = |value: String| async move { value };
            let router = || Router::new("g").subscribe("in", each(copy).publish_to("out"));
            broker.faults().refuse_writes("out", ErrorKind::Unauthorized);
            let test = TestApp::start_on(broker.clone(), router()).await;
            produce(&broker, &["a"]);
            sleep(10 * S).await;
            assert_eq!(broker.faults().fired().writes_refused, 1);
            let mut broken = commit_safety(broker.committed("g", "in", 0).unwrap_or(0), 0);
            // The refusal stops the service.
            drop(test.stop().await);

            broker.faults().accept_writes("out");
            go_on(&broker, router()).await;
            broken.extend(no_loss(&["a"], &seen(&broker, "out")));
            broken
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn drop_duplicate_loses_what_was_delivered_and_not_done() {
    shows(Bug::DropDuplicate, Promise::NoLoss, async || {
        let (broker, done) = (Memory::new(), Log::default());
        let (noted, is_bad) = (done.clone(), Arc::new(AtomicBool::new(true)));
        let bad_for_now = is_bad.clone();
        let fail = move |value: String| {
            let (done, is_bad) = (noted.clone(), bad_for_now.clone());
            async move {
                if value == "b" && is_bad.load(SeqCst) {
                    return Err(bad());
                }
                done.push(&value);
                Ok(())
            }
        };
        let subscriber = each(fail).retry(Retry::fixed(100, S));
        let router = Router::new("g").subscribe("in", subscriber);
        let test = TestApp::start_on(broker.clone(), router).await;
        produce(&broker, &["a", "b", "c"]);
        sleep(1500 * MS).await;
        broker.faults().lose_partitions("g");
        is_bad.store(false, SeqCst);
        test.settle().await;
        test.stop().await.unwrap();

        assert_eq!(broker.faults().fired().members_lost, 1);
        no_loss(&["a", "b", "c"], &done.all())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn advance_over_failed_breaks_commit_safety_and_loses_it() {
    for promise in [Promise::CommitSafety, Promise::NoLoss] {
        shows(Bug::AdvanceOverFailed, promise, async || {
            let (broker, done) = (Memory::new(), Log::default());
            let noted = done.clone();
            let fail = move |value: String| {
                let done = noted.clone();
                async move {
                    if value == "b" {
                        return Err(bad());
                    }
                    done.push(&value);
                    Ok(())
                }
            };
            let router = Router::new("g").subscribe("in", each(fail));
            let test = TestApp::start_on(broker.clone(), router).await;
            produce(&broker, &["a", "b"]);
            let error = test.failure().await;
            assert!(error.to_string().contains("in/0/1"), "{error}");
            let committed = broker.committed("g", "in", 0).unwrap_or(0);
            let mut broken = commit_safety(committed, done.len());

            go_on(&broker, noting(&done, None)).await;
            broken.extend(no_loss(&["a", "b"], &done.all()));
            broken
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn lose_last_batch_loses_what_waits_at_the_end() {
    shows(Bug::LoseLastBatch, Promise::NoLoss, async || {
        let (broker, done) = (Memory::new(), Log::default());
        let router = |max_wait| {
            let done = done.clone();
            let note = move |Batch(values): Batch<String>| {
                let done = done.clone();
                async move { values.iter().for_each(|value| done.push(value)) }
            };
            Router::new("g").subscribe("in", batch(note).max_records(2).max_wait(max_wait))
        };
        let test = TestApp::start_on(broker.clone(), router(60 * S)).await;
        produce(&broker, &["a", "b", "c"]);
        sleep(10 * S).await;
        assert_eq!(done.len(), 2, "the third waits for another");
        test.stop().await.unwrap();

        go_on(&broker, router(10 * MS)).await;
        let mut broken = no_loss(&["a", "b", "c"], &done.all());
        broken.extend(no_duplicates(&done.all()));
        broken
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn two_calls_of_a_key_break_its_order() {
    shows(Bug::TwoCallsOfAKey, Promise::KeyOrder, async || {
        let (broker, done) = (Memory::new(), Log::default());
        let noted = done.clone();
        // The first takes longest.
        let slow = move |value: String| {
            let done = noted.clone();
            async move {
                sleep(if value == "a" { S } else { 10 * MS }).await;
                done.push(&value);
            }
        };
        let router = Router::new("g").subscribe("in", each(slow).concurrency(by_key(4)));
        produce(&broker, &["a", "b", "c"]);
        go_on(&broker, router).await;

        let done = done.all();
        kept(Promise::KeyOrder, done == ["a", "b", "c"], || format!("they were done as {done:?}"))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn retry_at_once_breaks_the_retry_contract() {
    shows(Bug::RetryAtOnce, Promise::RetryContract, async || {
        let (broker, began, calls) = (Memory::new(), Instant::now(), Log::default());
        let noted = calls.clone();
        let fail = move |_: String| {
            noted.push(&began.elapsed().as_secs().to_string());
            let is_good = noted.len() == 3;
            async move { if is_good { Ok(()) } else { Err(bad()) } }
        };
        let subscriber = each(fail).retry(Retry::fixed(3, 5 * S));
        produce(&broker, &["a"]);
        go_on(&broker, Router::new("g").subscribe("in", subscriber)).await;

        let calls = calls.all();
        let due = calls == ["0", "5", "10"];
        kept(Promise::RetryContract, due, || format!("calls began after {calls:?} seconds"))
    })
    .await;
}
