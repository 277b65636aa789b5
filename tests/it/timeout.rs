use crate::billing::{Order, order};
use crate::kit::TestApp;
use milena::{
    Batch, Error, Json, Outcome, Retry, Router, State, batch, each,
    error::ErrorKind,
    extract::{Ack, Attempt},
    router::handler::Delivery,
};
use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::Instant;
use tower::{layer::layer_fn, limit::ConcurrencyLimitLayer};

const MS: Duration = Duration::from_millis(1);

/// Takes as many milliseconds as the order costs.
async fn sleep(Json(order): Json<Order>) {
    tokio::time::sleep(order.cents.unsigned_abs() as u32 * MS).await;
}

fn header(record: &milena::Record, name: &str) -> String {
    let headers = record.headers();
    let value = headers.get(&format!("milena-dead-letter-{name}")).unwrap();
    String::from_utf8(value.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_too_long_fails_and_is_retried_and_the_lane_goes_on() {
    let start = Instant::now();
    let subscriber =
        each(sleep).timeout(50 * MS).retry(Retry::fixed(2, 10 * MS)).dead_letter("dead");
    let test = TestApp::start(Router::new("g").subscribe("orders", subscriber)).await;

    test.publish("orders", vec![order(10), order(1_000_000), order(20)]).await;

    let [letter] = &test.records("dead")[..] else { panic!("one record is too slow") };
    assert_eq!(header(letter, "error"), "could not finish the call within 50ms: it was dropped");
    assert_eq!(header(letter, "attempts"), "2");
    assert_eq!(test.committed("g", "orders"), 3);
    assert!(start.elapsed() < Duration::from_secs(5));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_ends_stops_the_service_by_default_and_its_record_is_named() {
    async fn never() {
        pending::<()>().await;
    }
    let app = Router::new("g").subscribe("orders", each(never).timeout(Duration::from_secs(2)));
    let test = TestApp::start(app).await;

    test.try_publish("orders", order(1)).await.unwrap_err();

    let (broker, error) = (test.broker().clone(), test.stop().await.unwrap_err());
    assert_eq!(
        error.to_string(),
        "could not process record orders/0/0 in 1 call: could not finish the call within 2s: it was dropped"
    );
    assert_eq!(broker.committed("g", "orders", 0), None);
}

#[tokio::test(start_paused = true)]
async fn a_retry_can_be_for_calls_that_took_too_long_alone() {
    async fn slow_or_wrong(
        Json(order): Json<Order>,
        State(calls): State<Arc<AtomicU32>>,
    ) -> anyhow::Result<()> {
        calls.fetch_add(1, SeqCst);
        anyhow::ensure!(order.cents > 0, "wrong");
        pending().await
    }
    for (cents, expected) in [(1, 3), (-1, 1)] {
        let calls = Arc::new(AtomicU32::new(0));
        let late = |error: &Error| error.kind() == ErrorKind::TimedOut;
        let subscriber =
            each(slow_or_wrong).timeout(MS).retry(Retry::fixed(3, MS).when(late)).skip_failures();
        let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
        let test = TestApp::start(app).await;

        test.publish("orders", order(cents)).await;

        assert_eq!(calls.load(SeqCst), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded_as_one_call() {
    async fn sleep_at_first(Batch(orders): Batch<(Json<Order>, Attempt)>) {
        if orders[0].1 == Attempt(1) {
            pending::<()>().await;
        }
    }
    let subscriber = batch(sleep_at_first).timeout(50 * MS).retry(Retry::fixed(2, MS));
    let test = TestApp::start(Router::new("g").subscribe("orders", subscriber)).await;

    test.publish("orders", vec![order(1), order(2)]).await;

    assert_eq!(test.committed("g", "orders"), 2);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn layers_are_inside_of_the_bound_and_their_waiting_counts() {
    async fn never() {
        pending::<()>().await;
    }
    type Seen = Arc<Mutex<Vec<&'static str>>>;
    let seen = Seen::default();
    let say = {
        let seen = seen.clone();
        layer_fn(move |inner: milena::router::Route| {
            let seen = seen.clone();
            tower::service_fn(move |delivery: Delivery| {
                let (inner, seen) = (inner.clone(), seen.clone());
                async move {
                    seen.lock().unwrap().push("in");
                    let result: Result<Outcome, _> =
                        tower::ServiceExt::oneshot(inner, delivery).await;
                    seen.lock().unwrap().push("out");
                    result
                }
            })
        })
    };
    let broker = milena_memory::Memory::new();
    broker.create_topic("t", 2);
    // One of two partitions waits in the limit, and not for ever.
    let subscriber = each(never)
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(say)
        .timeout(50 * MS)
        .dead_letter("dead");
    let test = TestApp::start_on(broker, Router::new("g").subscribe("t", subscriber)).await;
    for partition in 0..2 {
        let record = milena_core::ProducerRecord::new("t").partition(partition).value("x");
        test.broker().produce(record).unwrap();
    }

    test.settle().await;

    assert_eq!(*seen.lock().unwrap(), ["in", "in"], "the layer is dropped with its call");
    let letters = test.records("dead");
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|letter| header(letter, "error").contains("within 50ms")));
}

#[tokio::test(start_paused = true)]
async fn the_ack_of_a_call_that_was_dropped_does_not_matter() {
    async fn hold_at_first(
        ack: Ack,
        Attempt(attempt): Attempt,
        State(calls): State<Arc<AtomicU32>>,
    ) {
        calls.fetch_add(1, SeqCst);
        if attempt == 1 {
            pending::<()>().await;
        }
        ack.done();
    }
    let calls = Arc::new(AtomicU32::new(0));
    let subscriber = each(hold_at_first).timeout(MS).retry(Retry::fixed(2, MS));
    let test =
        TestApp::start(Router::new("g").subscribe("t", subscriber).with_state(calls.clone())).await;

    test.publish("t", "x").await;

    assert_eq!((calls.load(SeqCst), test.committed("g", "t")), (2, 1));
    test.stop().await.unwrap();
}
