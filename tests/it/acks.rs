use crate::kit::TestApp;
use milena::{
    Batch, Retry, Router, State, batch, each, error::ErrorKind, extract::Ack, router::AckPolicy,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

const MS: Duration = Duration::from_millis(1);

/// `Ack`s that a handler gave away.
type Given = Arc<Mutex<Vec<Ack>>>;

async fn give(ack: Ack, State(given): State<Given>) {
    given.lock().unwrap().push(ack);
}

#[tokio::test(start_paused = true)]
async fn a_record_with_an_ack_is_done_when_the_ack_says_so() {
    let given = Given::default();
    let test =
        TestApp::start(Router::new("g").subscribe("t", each(give)).with_state(given.clone())).await;
    for value in ["a", "b", "c"] {
        test.broker().produce(milena_core::ProducerRecord::new("t").value(value)).unwrap();
    }

    tokio::time::sleep(10_000 * MS).await;
    assert_eq!(given.lock().unwrap().len(), 3, "no call waits for an `Ack`");
    assert_eq!(test.committed("g", "t"), 0);

    // The second first: what is committed is what lies before the first that is not done.
    let (first, second) = {
        let mut given = given.lock().unwrap();
        (given.remove(0), given.remove(0))
    };
    second.done();
    tokio::time::sleep(10_000 * MS).await;
    assert_eq!(test.committed("g", "t"), 0);

    first.done();
    tokio::time::sleep(10_000 * MS).await;
    assert_eq!(test.committed("g", "t"), 2);
    given.lock().unwrap().remove(0).done();
    test.settle().await;
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_ack_fails_its_record() {
    let given = Given::default();
    let app =
        Router::new("g").subscribe("t", each(give).dead_letter("dead")).with_state(given.clone());
    let test = TestApp::start(app).await;
    test.broker().produce(milena_core::ProducerRecord::new("t").value("a")).unwrap();
    tokio::time::sleep(MS).await;

    given.lock().unwrap().clear();
    test.settle().await;

    let dead = test.records("dead");
    assert_eq!(
        dead[0].headers().get("milena-dead-letter-error"),
        Some(&b"its `Ack` was dropped"[..])
    );
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_fails_late_follows_the_policy_and_stops_the_service() {
    let given = Given::default();
    let test =
        TestApp::start(Router::new("g").subscribe("t", each(give)).with_state(given.clone())).await;
    test.broker().produce(milena_core::ProducerRecord::new("t").value("a")).unwrap();
    tokio::time::sleep(MS).await;

    given.lock().unwrap().remove(0).fail("the disk is full");
    test.try_settle().await.unwrap_err();

    let (broker, error) = (test.broker().clone(), test.stop().await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Record);
    assert_eq!(error.to_string(), "could not process record t/0/0 in 1 call: the disk is full");
    assert_eq!(broker.committed("g", "t", 0), None);
}

#[tokio::test(start_paused = true)]
async fn an_error_behind_a_dropped_ack_is_one_failure_and_a_retry_gets_its_own_ack() {
    async fn fail_twice(ack: Ack, State(calls): State<Arc<AtomicU32>>) -> anyhow::Result<()> {
        anyhow::ensure!(calls.fetch_add(1, SeqCst) == 2, "not yet");
        ack.done();
        Ok(())
    }
    let calls = Arc::new(AtomicU32::new(0));
    let subscriber = each(fail_twice).retry(Retry::fixed(3, MS)).dead_letter("dead");
    let test =
        TestApp::start(Router::new("g").subscribe("t", subscriber).with_state(calls.clone())).await;

    test.publish("t", "a").await;

    assert_eq!(calls.load(SeqCst), 3);
    assert_eq!(test.records("dead").len(), 0);
    assert_eq!(test.committed("g", "t"), 1);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_ack_dropped_by_a_call_that_returns_well_is_retried_like_an_error() {
    async fn forget(ack: Ack, State(calls): State<Arc<AtomicU32>>) {
        if calls.fetch_add(1, SeqCst) == 1 {
            ack.done();
        }
    }
    let calls = Arc::new(AtomicU32::new(0));
    let subscriber = each(forget).retry(Retry::fixed(2, MS));
    let test =
        TestApp::start(Router::new("g").subscribe("t", subscriber).with_state(calls.clone())).await;

    test.publish("t", "a").await;

    assert_eq!((calls.load(SeqCst), test.committed("g", "t")), (2, 1));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_record_of_a_batch_has_an_ack_of_its_own() {
    async fn odd(Batch(records): Batch<(String, Ack)>) {
        for (text, ack) in records {
            if text.len() % 2 == 1 { ack.done() } else { ack.fail("even") }
        }
    }
    let subscriber = batch(odd).dead_letter("dead");
    let test = TestApp::start(Router::new("g").subscribe("t", subscriber)).await;

    test.publish("t", vec!["a", "bb", "ccc"]).await;

    let [dead] = &test.records("dead")[..] else { panic!("one record fails, alone") };
    assert_eq!(dead.value(), Some(&b"bb"[..]));
    assert_eq!(test.committed("g", "t"), 3);
}

#[tokio::test(start_paused = true)]
async fn on_receive_a_record_is_done_before_its_handler_is_called() {
    async fn never(State(calls): State<Arc<AtomicU32>>) {
        calls.fetch_add(1, SeqCst);
        std::future::pending::<()>().await;
    }
    let calls = Arc::new(AtomicU32::new(0));
    let subscriber = each(never).ack(AckPolicy::OnReceive);
    let app =
        Router::new("g").subscribe("t", subscriber).drain_timeout(MS).with_state(calls.clone());
    let test = TestApp::start(app).await;

    test.publish("t", vec!["a", "b"]).await;

    assert_eq!((calls.load(SeqCst), test.committed("g", "t")), (1, 2));
}
