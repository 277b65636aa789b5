//! Replies that the broker does not take.

use crate::kit::TestApp;
use milena::{Record, Retry, Router, State, each, error::ErrorKind};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

/// Each kind of refusal that a driver tells of.
const KINDS: [ErrorKind; 8] = [
    ErrorKind::Publish,
    ErrorKind::TooLarge,
    ErrorKind::Unauthorized,
    ErrorKind::UnknownTopic,
    ErrorKind::TimedOut,
    ErrorKind::Unreachable,
    ErrorKind::Fenced,
    ErrorKind::Driver,
];

async fn copy(value: String, State(calls): State<Arc<AtomicU32>>) -> String {
    calls.fetch_add(1, SeqCst);
    value
}

fn produce(broker: &Memory, values: &[&'static str]) {
    for value in values {
        broker.produce(ProducerRecord::new("t").value(*value)).unwrap();
    }
}

fn error_of(letter: &Record) -> String {
    let headers = letter.headers();
    String::from_utf8(headers.get("milena-dead-letter-error").unwrap().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_refused_reply_of_any_kind_makes_its_record_a_dead_letter_after_one_call() {
    for kind in KINDS {
        let (calls, broker) = (Arc::new(AtomicU32::new(0)), Memory::new());
        broker.faults().refuse_writes("copies", kind);
        produce(&broker, &["a", "b", "c"]);
        let retry = Retry::fixed(5, Duration::from_millis(1));
        let subscriber = each(copy).publish_to("copies").retry(retry).dead_letters();
        let app = Router::new("g").subscribe("t", subscriber).with_state(calls.clone());
        let test = TestApp::start_on(broker.clone(), app).await;

        test.settle().await;

        assert_eq!(broker.faults().fired().writes_refused, 3, "{kind:?}");
        assert_eq!(calls.load(SeqCst), 3, "{kind:?}: no call is made again for its reply");
        let letters = test.records("t.dead");
        assert_eq!(letters.len(), 3, "{kind:?}");
        assert!(error_of(&letters[0]).contains("could not write to topic `copies`"));
        assert_eq!(test.committed("g", "t"), 3);
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_reply_of_any_kind_stops_the_service_by_default_and_its_record_is_not_done() {
    for kind in KINDS {
        let (calls, broker) = (Arc::new(AtomicU32::new(0)), Memory::new());
        broker.faults().refuse_writes("copies", kind);
        produce(&broker, &["a", "b", "c"]);
        let app =
            Router::new("g").subscribe("t", each(copy).publish_to("copies")).with_state(calls);
        let test = TestApp::start_on(broker.clone(), app).await;

        test.try_settle().await.unwrap_err();

        let error = test.stop().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Record, "{kind:?}");
        let message = error.to_string();
        assert!(message.starts_with("could not process record t/0/0 in 1 call: "), "{message}");
        assert!(message.contains("`copies`"), "{message}");
        assert_eq!(broker.committed("g", "t", 0), None, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_refused_late_is_a_failure_of_its_record_alone() {
    for kind in KINDS {
        let (calls, broker) = (Arc::new(AtomicU32::new(0)), Memory::new());
        produce(&broker, &["a", "b", "c", "d"]);
        broker.faults().hold_deliveries();
        broker.faults().refuse_writes("copies", kind);
        let app = Router::new("g")
            .subscribe("t", each(copy).publish_to("copies").dead_letters())
            .with_state(calls.clone());
        let test = TestApp::start_on(broker.clone(), app).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(calls.load(SeqCst), 4, "no lane waits for the broker");
        assert_eq!(broker.committed("g", "t", 0), None, "and no record is done before it answers");
        assert!(test.records("t.dead").is_empty());

        broker.faults().accept_writes("copies");
        broker.faults().release_deliveries();
        test.settle().await;

        assert_eq!((calls.load(SeqCst), test.records("t.dead").len()), (4, 4), "{kind:?}");
        assert_eq!(test.committed("g", "t"), 4);
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn replies_that_are_always_too_large_open_the_breaker_instead_of_looping() {
    async fn grow(_: String, State(calls): State<Arc<AtomicU32>>) -> String {
        calls.fetch_add(1, SeqCst);
        "x".repeat(1_000)
    }
    let (calls, broker) = (Arc::new(AtomicU32::new(0)), Memory::new());
    broker.faults().limit_record_bytes(Some(600));
    produce(&broker, &["x"; 5_000]);
    let app = Router::new("g")
        .subscribe("t", each(grow).publish_to("large").dead_letters())
        .with_state(calls.clone());
    let test = TestApp::start_on(broker.clone(), app).await;

    tokio::time::sleep(Duration::from_secs(20)).await;

    let (calls, refused) = (calls.load(SeqCst), broker.faults().fired().records_too_large);
    assert_eq!(calls as usize, refused);
    // Those that were called with while the hundredth was on its way are dead letters, too.
    assert!((100..2_000).contains(&calls), "{calls}");
    assert_eq!(test.records("t.dead").len(), refused);
    assert_eq!(broker.committed("g", "t", 0), Some(calls.into()));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_reply_and_dead_letter_are_refused_waits_and_is_not_called_with_again() {
    let (calls, broker) = (Arc::new(AtomicU32::new(0)), Memory::new());
    broker.faults().refuse_writes("copies", ErrorKind::TooLarge);
    broker.faults().refuse_writes("t.dead", ErrorKind::Unauthorized);
    produce(&broker, &["a", "b"]);
    let app = Router::new("g")
        .subscribe("t", each(copy).publish_to("copies").dead_letters())
        .with_state(calls.clone());
    let test = TestApp::start_on(broker.clone(), app).await;

    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(broker.committed("g", "t", 0), None);
    let before = calls.load(SeqCst);
    assert!(before <= 2);

    broker.faults().accept_writes("t.dead");
    test.settle().await;
    assert_eq!((calls.load(SeqCst), test.records("t.dead").len()), (2, 2));
    test.stop().await.unwrap();
}
