use crate::billing::{Invoice, Order, bill, order};
use crate::kit::TestApp;
use milena::{Json, Outcome, Retry, Router, State, each, error::ErrorKind, record::Headers};
use milena_core::ProducerRecord;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn an_order_that_keeps_failing_is_dead_lettered() {
    crate::trace();
    let subscriber =
        each(bill).publish_to("invoices").retry(Retry::exponential(3)).dead_letter("orders.dead");
    let test = TestApp::start(Router::new("billing").subscribe("orders", subscriber)).await;
    let headers = Headers::new().with("trace", "1").with("trace", None::<&str>);

    test.publish("orders", order(1)).await;
    test.publish("orders", ("ada", headers, order(-2))).await;
    test.publish("orders", order(3)).await;

    assert_eq!(test.published::<Invoice>("invoices").len(), 2);
    let [letter] = &test.records("orders.dead")[..] else { panic!("one dead letter") };
    assert_eq!(
        (letter.key(), letter.value()),
        (Some(&b"ada"[..]), Some(&br#"{"id":2,"cents":-2}"#[..]))
    );
    let headers = letter.headers();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name, value.map(|value| str::from_utf8(value).unwrap())))
        .collect();
    let own = [("trace", Some("1")), ("trace", None), ("content-type", Some("application/json"))];
    assert_eq!(headers[..3], own);
    let source = test.records("orders")[1].timestamp().millis().unwrap().to_string();
    assert_eq!(
        headers[3..],
        [
            ("milena-dead-letter-topic", Some("orders")),
            ("milena-dead-letter-partition", Some("0")),
            ("milena-dead-letter-offset", Some("1")),
            ("milena-dead-letter-timestamp", Some(&*source)),
            ("milena-dead-letter-timestamp-type", Some("CreateTime")),
            ("milena-dead-letter-group", Some("billing")),
            ("milena-dead-letter-attempts", Some("3")),
            ("milena-dead-letter-error", Some("the order costs -2 cents")),
        ]
    );
    assert_eq!(test.committed("billing", "orders"), 3);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn retries_wait_as_long_as_they_are_told_and_keep_the_order() {
    async fn fail_twice(
        Json(order): Json<Order>,
        State(calls): State<Arc<Mutex<Vec<(u64, Duration)>>>>,
        State(start): State<Instant>,
    ) -> anyhow::Result<()> {
        let mut calls = calls.lock().unwrap();
        calls.push((order.id, start.elapsed()));
        anyhow::ensure!(order.id != 1 || calls.len() > 2, "not yet");
        Ok(())
    }
    #[derive(Clone)]
    struct Both(Arc<Mutex<Vec<(u64, Duration)>>>, Instant);
    impl milena::extract::FromRef<Both> for Arc<Mutex<Vec<(u64, Duration)>>> {
        fn from_ref(both: &Both) -> Self {
            both.0.clone()
        }
    }
    impl milena::extract::FromRef<Both> for Instant {
        fn from_ref(both: &Both) -> Self {
            both.1
        }
    }
    let state = Both(Arc::default(), Instant::now());
    let retry = Retry::exponential(3).starting_at(100 * MS).without_jitter();
    let app = Router::new("g")
        .subscribe("orders", each(fail_twice).retry(retry))
        .with_state(state.clone());
    let test = TestApp::start(app).await;

    test.publish("orders", vec![order(1), order(2)]).await;

    let calls = state.0.lock().unwrap().clone();
    assert_eq!(calls.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 1, 1, 2]);
    assert_eq!(calls[1].1 - calls[0].1, 100 * MS);
    assert_eq!(calls[2].1 - calls[1].1, 200 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_the_service_by_default_and_its_record_is_not_committed() {
    let test = TestApp::start(
        Router::new("billing").subscribe("orders", each(bill).publish_to("invoices")),
    )
    .await;

    test.try_publish("orders", vec![order(1), order(2), order(-3), order(4)]).await.unwrap_err();

    let (broker, ended) = (test.broker().clone(), test.stop().await.unwrap_err());
    assert_eq!(ended.kind(), ErrorKind::Record);
    assert_eq!(
        ended.to_string(),
        "could not process record orders/0/2 in 1 call: the order costs -3 cents"
    );
    assert_eq!(broker.committed("billing", "orders", 0), Some(2));
    assert_eq!(broker.records("invoices").len(), 2);
    assert_eq!(broker.members("billing"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_can_be_skipped() {
    let subscriber = each(bill).publish_to("invoices").skip_failures();
    let test = TestApp::start(Router::new("billing").subscribe("orders", subscriber)).await;

    test.publish("orders", vec![order(1), order(-2), order(3)]).await;

    assert_eq!(test.published::<Invoice>("invoices").len(), 2);
    assert_eq!(test.committed("billing", "orders"), 3);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_decoded_is_dead_lettered_at_once() {
    let subscriber =
        each(bill).publish_to("invoices").retry(Retry::fixed(5, MS)).dead_letter("dead");
    let test = TestApp::start(Router::new("billing").subscribe("orders", subscriber)).await;

    for value in ["not json", "", "{}", r#"{"id": 1, "cents": "much"}"#, r#"{"id": 1}"#] {
        test.publish("orders", value).await;
    }
    test.publish("orders", r#"{"id": 1, "cents": 2, "unknown": true}"#).await;
    test.publish("orders", milena::record::Tombstone).await;

    let letters = test.records("dead");
    let about: Vec<_> = letters
        .iter()
        .map(|letter| {
            let text =
                |name| String::from_utf8(letter.headers().get(name).unwrap().to_vec()).unwrap();
            (text("milena-dead-letter-attempts"), text("milena-dead-letter-error"))
        })
        .collect();
    assert_eq!(about.len(), 6);
    assert!(
        about.iter().all(|(attempts, error)| attempts == "1"
            && error.starts_with("could not decode the value: ")),
        "{about:?}"
    );
    assert_eq!(letters[0].value(), Some(&b"not json"[..]));
    assert_eq!((letters[1].value(), letters[5].value()), (Some(&b""[..]), None));
    assert_eq!(test.published::<Invoice>("invoices"), [Invoice { order: 1, cents: 2 }]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_of_its_record_alone() {
    async fn panic_at_two(Json(order): Json<Order>) -> Json<Order> {
        assert!(order.id != 2, "I do not like {}", order.id);
        Json(order)
    }
    let subscriber = each(panic_at_two).publish_to("copies").dead_letter("dead");
    let test = TestApp::start(Router::new("g").subscribe("orders", subscriber)).await;

    test.publish("orders", vec![order(1), order(2), order(3)]).await;

    assert_eq!(test.records("copies").len(), 2);
    let [letter] = &test.records("dead")[..] else { panic!("one dead letter") };
    let headers = letter.headers();
    assert_eq!(
        headers.get("milena-dead-letter-error"),
        Some(&b"the handler panicked: I do not like 2"[..])
    );
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_obeyed() {
    async fn decide(Json(order): Json<Order>, State(calls): State<Arc<AtomicU32>>) -> Outcome {
        match order.id {
            1 => Outcome::skip("not wanted"),
            2 => Outcome::dead_letter("never wanted"),
            3 if calls.fetch_add(1, SeqCst) < 4 => Outcome::retry_after(MS),
            _ => Outcome::done().publish(ProducerRecord::new("log").value(order.id.to_string())),
        }
    }
    let calls = Arc::new(AtomicU32::new(0));
    let app = Router::new("g")
        .subscribe("orders", each(decide).dead_letter("dead"))
        .with_state(calls.clone());
    let test = TestApp::start(app).await;

    test.publish("orders", vec![order(1), order(2), order(3), order(4)]).await;

    let log: Vec<u64> = test.published("log");
    assert_eq!(log, [3, 4]);
    assert_eq!(calls.load(SeqCst), 5);
    assert_eq!(test.published::<Order>("dead"), [Order { id: 2, cents: 2 }]);
    assert_eq!(test.committed("g", "orders"), 4);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_can_stop_the_service() {
    async fn stop() -> Outcome {
        Outcome::stop("the disk is full")
    }
    let test =
        TestApp::start(Router::new("g").subscribe("orders", each(stop).dead_letter("dead"))).await;

    test.try_publish("orders", order(1)).await.unwrap_err();

    let error = test.stop().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not process record orders/0/0 in 1 call: the disk is full"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_without_a_topic_for_it_stops_the_service() {
    async fn refuse() -> Outcome {
        Outcome::dead_letter("bad")
    }
    let test =
        TestApp::start(Router::new("g").subscribe("orders", each(refuse).skip_failures())).await;

    test.try_publish("orders", order(1)).await.unwrap_err();

    let (broker, error) = (test.broker().clone(), test.stop().await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Record);
    assert!(error.to_string().contains("bad (a dead letter"), "{error}");
    assert_eq!(broker.committed("g", "orders", 0), None);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_written_is_waited_for_and_its_record_is_not_committed() {
    let subscriber = each(bill).publish_to("invoices").dead_letter("orders.dead");
    let broker = milena_memory::Memory::new();
    broker.faults().refuse_writes("orders.dead", ErrorKind::Unauthorized);
    let test =
        TestApp::start_on(broker.clone(), Router::new("billing").subscribe("orders", subscriber))
            .await;
    for cents in [1, -2, 3, 4] {
        let record =
            ProducerRecord::new("orders").value(serde_json::to_vec(&order(cents).0).unwrap());
        broker.produce(record).unwrap();
    }

    tokio::time::sleep(Duration::from_secs(60)).await;

    assert!(broker.faults().fired().writes_refused > 1, "{:?}", broker.faults().fired());
    assert_eq!(broker.committed("billing", "orders", 0), Some(1));
    assert!(broker.records("invoices").len() < 3, "the partition waits");

    broker.faults().accept_writes("orders.dead");
    test.settle().await;

    assert_eq!(test.published::<Order>("orders.dead"), [Order { id: 2, cents: -2 }]);
    assert_eq!(test.published::<Invoice>("invoices").len(), 3);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_can_be_stopped_while_a_dead_letter_cannot_be_written() {
    crate::trace();
    let subscriber = each(bill).publish_to("invoices").dead_letter("orders.dead");
    let broker = milena_memory::Memory::new();
    broker.faults().refuse_writes("orders.dead", ErrorKind::Unauthorized);
    let test =
        TestApp::start_on(broker.clone(), Router::new("billing").subscribe("orders", subscriber))
            .await;
    broker.produce(ProducerRecord::new("orders").value("nonsense")).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;

    test.stop().await.unwrap();

    assert!(broker.faults().fired().writes_refused > 0);
    assert_eq!(broker.committed("billing", "orders", 0), None);
}
