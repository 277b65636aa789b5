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

const MS: Duration = Duration::from_millis(1);

fn broker_with(records: u32) -> Memory {
    let broker = Memory::new();
    (0..records).for_each(|i| {
        broker.produce(ProducerRecord::new("t").value(i.to_string())).unwrap();
    });
    broker
}

async fn take_a_second(State(calls): State<Arc<AtomicU32>>) {
    tokio::time::sleep(1000 * MS).await;
    calls.fetch_add(1, SeqCst);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_runs_may_end_and_is_committed_and_no_other_begins() {
    let (broker, calls) = (broker_with(5), Arc::new(AtomicU32::new(0)));
    let app = Router::new("g").subscribe("t", each(take_a_second)).with_state(calls.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    tokio::time::sleep(1500 * MS).await;

    test.stop().await.unwrap();

    assert_eq!(calls.load(SeqCst), 2);
    assert_eq!(broker.committed("g", "t", 0), Some(2));
    assert_eq!(broker.members("g"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_ends_is_given_up_and_named() {
    async fn never(record: Record) {
        if record.offset() == 2 {
            std::future::pending::<()>().await;
        }
    }
    let broker = broker_with(5);
    let app = Router::new("g").subscribe("t", each(never)).drain_timeout(3000 * MS);
    let test = TestApp::start_on(broker.clone(), app).await;
    tokio::time::sleep(MS).await;
    let asked = tokio::time::Instant::now();

    let error = test.stop().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unfinished);
    assert_eq!(
        error.to_string(),
        "could not finish within 3s: calls have not ended with the records t/0/2"
    );
    assert_eq!(asked.elapsed(), 3000 * MS);
    assert_eq!(broker.committed("g", "t", 0), Some(2));
    assert_eq!(broker.members("g"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_waits_does_not_keep_the_service_from_ending() {
    async fn fail() -> anyhow::Result<()> {
        anyhow::bail!("never")
    }
    let broker = broker_with(1);
    let app = Router::new("g").subscribe("t", each(fail).retry(Retry::fixed(9, 1_000_000 * MS)));
    let test = TestApp::start_on(broker.clone(), app).await;
    tokio::time::sleep(MS).await;
    let asked = tokio::time::Instant::now();

    test.stop().await.unwrap();

    assert!(asked.elapsed() < 100 * MS);
    assert_eq!(broker.committed("g", "t", 0), None);
}

#[tokio::test(start_paused = true)]
async fn replies_on_their_way_are_waited_for_and_their_records_are_committed() {
    async fn copy(text: String) -> String {
        text
    }
    let broker = broker_with(3);
    broker.faults().hold_deliveries();
    let test = TestApp::start_on(
        broker.clone(),
        Router::new("g").subscribe("t", each(copy).publish_to("copies")),
    )
    .await;
    tokio::time::sleep(MS).await;
    let faults = broker.faults();
    tokio::spawn(async move {
        tokio::time::sleep(2000 * MS).await;
        faults.release_deliveries();
    });

    test.stop().await.unwrap();

    assert_eq!(broker.faults().fired().deliveries_held, 3);
    assert_eq!(broker.committed("g", "t", 0), Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_dropped_ends_like_a_crash_and_nothing_is_lost() {
    let (broker, calls) = (broker_with(3), Arc::new(AtomicU32::new(0)));
    let app = || {
        Router::new("g")
            .subscribe("t", each(take_a_second))
            .commit_interval(1_000_000 * MS)
            .with_state(calls.clone())
    };
    let service = milena::serve(broker.clone(), app()).with_shutdown(std::future::pending());
    let dropped = tokio::time::timeout(1500 * MS, service.into_future()).await;
    assert!(dropped.is_err());
    assert_eq!((calls.load(SeqCst), broker.committed("g", "t", 0)), (1, None));

    let test = TestApp::start_on(broker.clone(), app()).await;
    test.settle().await;
    tokio::time::sleep(4000 * MS).await;
    test.stop().await.unwrap();

    assert_eq!(broker.committed("g", "t", 0), Some(3));
    assert_eq!(calls.load(SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_first_record_is_a_stop() {
    let test = TestApp::start(Router::new("g").subscribe("t", each(async || {}))).await;

    test.stop().await.unwrap();
}
