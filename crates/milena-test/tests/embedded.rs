//! What only the embedded broker can show: members, faults, and the end of a test that goes wrong.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "these are tests")]

use milena::{Retry, Router, each, error::ErrorKind};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use milena_test::TestApp;
use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

const HOUR: Duration = Duration::from_hours(1);

async fn note(_: String) {}

async fn hang() {
    pending::<()>().await;
}

async fn refuse() -> Result<(), &'static str> {
    Err("no")
}

fn panicked(call: impl FnOnce()) -> String {
    *catch_unwind(AssertUnwindSafe(call)).unwrap_err().downcast::<String>().unwrap()
}

#[tokio::test(start_paused = true)]
async fn of_two_apps_of_a_group_exactly_one_is_called() {
    let broker = Memory::new();
    let app = || Router::new("g").subscribe("t", each(note));
    let one = TestApp::start_on(broker.clone(), app()).await;
    let two = TestApp::start_on(broker, app()).await;

    one.publish("t", vec!["a", "b", "c"]).await;

    assert_eq!(one.calls(note).count() + two.calls(note).count(), 3);
    assert_eq!(one.committed("g", "t"), 3);
    one.stop().await.unwrap();
    two.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_dropped_leaves_its_group_and_its_record_comes_again() {
    let broker = Memory::new();
    let app = Router::new("g").subscribe("t", each(hang)).drain_timeout(Duration::from_secs(1));
    let left = TestApp::start_on(broker.clone(), app).await;
    broker.produce(ProducerRecord::new("t").value("a")).unwrap();
    let calls = left.calls(hang);
    calls.wait_for_begun(1).await;
    assert_eq!(broker.members("g"), 1);

    drop(left);
    while broker.members("g") > 0 {
        broker.changed().await;
    }

    assert_eq!(broker.committed("g", "t", 0), None);
    let next = TestApp::start_on(broker, Router::new("g").subscribe("t", each(note))).await;
    next.settle().await;
    next.calls(note).assert_called_once_with("a".to_owned());
    next.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_nobody_was_told_of_fails_the_test() {
    let test = TestApp::start(Router::new("g").subscribe("t", each(refuse))).await;
    test.broker().produce(ProducerRecord::new("t").value("a")).unwrap();
    test.calls(refuse).wait_for(1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;

    let text = panicked(|| drop(test));

    let expected = "the service had ended: could not process record t/0/0 in 1 call: no (handler `";
    assert!(text.starts_with(expected), "{text}");
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_broker_are_those_of_its_app() {
    async fn copy(text: String) -> String {
        text
    }
    let app = Router::new("g").subscribe("t", each(copy).publish_to("copies").dead_letters());
    let test = TestApp::start(app).await;
    test.broker().faults().refuse_writes("copies", ErrorKind::Unauthorized);

    test.publish("t", "a").await;

    assert_eq!(test.broker().faults().fired().writes_refused, 1);
    assert!(test.records("copies").is_empty());
    assert_eq!(test.extracted::<String>("t.dead"), ["a"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn hours_between_attempts_take_no_time() {
    let subscriber = each(note).retry(Retry::fixed(5, HOUR));
    let test = TestApp::builder(Router::new("g").subscribe("t", subscriber))
        .fail(note, 3, || "not now")
        .start()
        .await;
    let begun = tokio::time::Instant::now();

    test.publish("t", "a").await;

    assert!(begun.elapsed() >= 3 * HOUR);
    assert_eq!(test.calls(note).count(), 4);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_recorded_cannot_be_asked_for() {
    let router = Router::new("g").subscribe("t", each(note));
    let test = TestApp::builder(router).unrecorded().start().await;

    let text = panicked(|| drop(test.calls(note)));

    assert!(text.contains("note` are not recorded"), "{text}");
    test.stop().await.unwrap();
}
