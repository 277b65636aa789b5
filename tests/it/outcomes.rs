//! Outcomes of the records of a batch, each for itself.

use crate::kit::TestApp;
use milena::{
    Batch, Outcome, Retry, Router, State, batch,
    error::ErrorKind,
    extract::{Ack, Attempt, Metadata},
};
use milena_core::{
    ProducerRecord,
    handler::{Decision, Delivery},
};
use milena_memory::Memory;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;
use tower::layer::layer_fn;

const SECOND: Duration = Duration::from_secs(1);

/// The calls that a handler got: its items with their attempts, and when.
#[derive(Clone)]
struct Calls(Arc<Mutex<Vec<(Vec<String>, Duration)>>>, Instant);

impl Calls {
    fn new() -> Self {
        Self(Arc::default(), Instant::now())
    }

    fn note(&self, items: &[(String, Attempt)]) {
        let items = items.iter().map(|(value, Attempt(attempt))| format!("{value}{attempt}"));
        self.0.lock().unwrap().push((items.collect(), self.1.elapsed()));
    }

    fn items(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(items, _)| items.join(" ")).collect()
    }
}

/// What each value asks for.
fn decide(value: &str, attempt: u32) -> Outcome {
    match (value, attempt) {
        ("skip", _) => Outcome::skip("not ours"),
        ("bury", _) => Outcome::dead_letter("odd"),
        ("later", 1) => Outcome::retry_after(SECOND),
        ("latest", 1 | 2) => Outcome::retry_after(5 * SECOND),
        ("stop", _) => Outcome::stop("the disk is full"),
        (value, _) => Outcome::done().publish(ProducerRecord::new("log").value(value.to_owned())),
    }
}

async fn each_for_itself(
    Batch(items): Batch<(String, Attempt)>,
    State(calls): State<Calls>,
) -> Vec<Outcome> {
    calls.note(&items);
    items.iter().map(|(value, attempt)| decide(value, attempt.0)).collect()
}

fn broker_with(values: &[&'static str]) -> Memory {
    let broker = Memory::new();
    for value in values {
        broker.produce(ProducerRecord::new("t").value(*value)).unwrap();
    }
    broker
}

fn values(test: &TestApp, topic: &str) -> Vec<String> {
    let value = |record: &milena::Record| String::from_utf8(record.value().unwrap().to_vec());
    test.records(topic).iter().map(|record| value(record).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_record_of_a_batch_is_settled_as_its_own_outcome_says() {
    let calls = Calls::new();
    let broker = broker_with(&["a", "skip", "bury", "b"]);
    let app = Router::new("g")
        .subscribe("t", batch(each_for_itself).max_records(4).dead_letters())
        .with_state(calls.clone());
    let test = TestApp::start_on(broker, app).await;

    test.settle().await;

    assert_eq!(calls.items(), ["a1 skip1 bury1 b1"]);
    assert_eq!(
        (values(&test, "log"), values(&test, "t.dead")),
        (vec!["a".into(), "b".into()], vec!["bury".into()])
    );
    let headers = test.records("t.dead")[0].headers();
    assert_eq!(headers.get("milena-dead-letter-reason"), Some(&b"odd"[..]));
    assert_eq!(test.committed("g", "t"), 4);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn records_that_ask_for_it_are_called_with_again_together_and_the_others_are_done() {
    let calls = Calls::new();
    let broker = broker_with(&["later", "a", "latest", "bury", "b"]);
    let app = Router::new("g")
        .subscribe("t", batch(each_for_itself).max_records(4).dead_letters())
        .with_state(calls.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(
        (values(&test, "log"), values(&test, "t.dead")),
        (vec!["a".to_owned()], vec!["bury".to_owned()])
    );
    assert_eq!(test.committed("g", "t"), 0, "the first record is not done");

    test.settle().await;

    assert_eq!(
        calls.items(),
        ["later1 a1 latest1 bury1", "later2 latest2", "latest3", "b1"],
        "and the next batch waits, as its partition has an order"
    );
    let times: Vec<_> = calls.0.lock().unwrap().iter().map(|(_, at)| at.as_secs()).collect();
    assert_eq!(times, [0, 5, 10, 10], "after the longest of their times");
    assert_eq!(values(&test, "log"), ["a", "later", "latest", "b"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_number_of_outcomes_than_of_items_is_a_failure_that_names_both() {
    async fn too_few(
        Batch(items): Batch<(String, Attempt)>,
        State(calls): State<Calls>,
    ) -> anyhow::Result<Vec<Outcome>> {
        calls.note(&items);
        Ok(vec![Outcome::done(); if items[0].1 == Attempt(1) { 1 } else { items.len() }])
    }
    for (retry, calls_made) in [(Retry::none(), 1), (Retry::fixed(2, SECOND), 2)] {
        let (calls, broker) = (Calls::new(), broker_with(&["a", "b", "c"]));
        let app = Router::new("g")
            .subscribe("t", batch(too_few).retry(retry).dead_letters())
            .with_state(calls.clone());
        let test = TestApp::start_on(broker, app).await;

        test.settle().await;

        assert_eq!(calls.items().len(), calls_made);
        let letters = test.records("t.dead");
        assert_eq!(letters.len(), if calls_made == 1 { 3 } else { 0 });
        if let Some(letter) = letters.first() {
            let headers = letter.headers();
            let error = str::from_utf8(headers.get("milena-dead-letter-error").unwrap()).unwrap();
            assert_eq!(error, "the handler was given 3 items and returned 1 outcome");
        }
        assert_eq!(test.committed("g", "t"), 3);
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_cannot_be_decoded_are_not_among_the_items() {
    async fn numbers(Batch(items): Batch<milena::Json<u32>>) -> Vec<Outcome> {
        items
            .iter()
            .map(|item| if item.0 == 2 { Outcome::dead_letter("two") } else { Outcome::done() })
            .collect()
    }
    let broker = broker_with(&["1", "x", "2", "y", "3"]);
    let app = Router::new("g").subscribe("t", batch(numbers).dead_letters());
    let test = TestApp::start_on(broker, app).await;

    test.settle().await;

    assert_eq!(values(&test, "t.dead"), ["x", "y", "2"]);
    assert_eq!(test.committed("g", "t"), 5);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_error_beside_outcomes_is_for_the_policy_and_a_stop_is_before_its_record() {
    async fn fail(_: Batch<String>) -> Result<Vec<Outcome>, std::io::Error> {
        Err(std::io::Error::other("no"))
    }
    let app = Router::new("g").subscribe("t", batch(fail).dead_letters());
    let test = TestApp::start_on(broker_with(&["a", "b"]), app).await;
    test.settle().await;
    assert_eq!(values(&test, "t.dead"), ["a", "b"]);
    test.stop().await.unwrap();

    let calls = Calls::new();
    let broker = broker_with(&["a", "stop", "b"]);
    let app = Router::new("g").subscribe("t", batch(each_for_itself)).with_state(calls);
    let test = TestApp::start_on(broker.clone(), app).await;
    test.try_settle().await.unwrap_err();
    let error = test.stop().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Record);
    assert_eq!(error.to_string(), "could not process record t/0/1 in 1 call: the disk is full");
    assert_eq!(broker.committed("g", "t", 0), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_record_is_done_when_its_own_replies_are_at_the_broker() {
    let calls = Calls::new();
    let broker = broker_with(&["skip", "a", "skip"]);
    broker.faults().hold_deliveries();
    let app = Router::new("g").subscribe("t", batch(each_for_itself)).with_state(calls);
    let test = TestApp::start_on(broker.clone(), app).await;

    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(broker.faults().fired().deliveries_held, 1);
    assert_eq!(test.committed("g", "t"), 1);

    broker.faults().release_deliveries();
    test.settle().await;
    assert_eq!(test.committed("g", "t"), 3);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_failed_outweighs_the_outcome_of_its_record() {
    async fn with_acks(Batch(items): Batch<(String, Ack, Attempt)>) -> Vec<Outcome> {
        let outcome = |(value, ack, Attempt(attempt)): (String, Ack, Attempt)| match &*value {
            "fail" => {
                ack.fail("no");
                Outcome::done()
            }
            // It has another `Ack` next time, and this one does not matter.
            "later" if attempt == 1 => Outcome::retry_after(SECOND),
            _ => {
                ack.done();
                Outcome::done()
            }
        };
        items.into_iter().map(outcome).collect()
    }
    let broker = broker_with(&["a", "fail", "later", "b"]);
    let app = Router::new("g").subscribe("t", batch(with_acks).dead_letters());
    let test = TestApp::start_on(broker, app).await;

    test.settle().await;

    assert_eq!(values(&test, "t.dead"), ["fail"]);
    assert_eq!(test.committed("g", "t"), 4);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn outcomes_pass_through_layers() {
    let passing = layer_fn(|inner: milena::router::Route| {
        tower::service_fn(move |delivery: Delivery| {
            let inner = inner.clone();
            async move {
                let outcome = tower::ServiceExt::oneshot(inner, delivery).await?;
                assert!(matches!(&outcome.decision, Decision::OfEach(each) if each.len() == 2));
                Ok::<_, milena::error::BoxError>(
                    outcome.publish(ProducerRecord::new("log").value("of both")),
                )
            }
        })
    });
    let calls = Calls::new();
    let subscriber = batch(each_for_itself).layer(passing).timeout(SECOND).dead_letters();
    let app = Router::new("g").subscribe("t", subscriber).with_state(calls);
    let test = TestApp::start_on(broker_with(&["a", "bury"]), app).await;

    test.settle().await;

    assert_eq!(values(&test, "log"), ["of both", "a"]);
    assert_eq!(values(&test, "t.dead"), ["bury"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn across_partitions_what_is_asked_for_again_is_not_called_with_when_it_is_lost() {
    async fn ask(
        Batch(items): Batch<(Metadata, Attempt)>,
        State(calls): State<Calls>,
    ) -> Vec<Outcome> {
        let named = |(at, attempt): &(Metadata, Attempt)| (format!("{at}#"), *attempt);
        calls.note(&items.iter().map(named).collect::<Vec<_>>());
        let again = |attempt: &Attempt| *attempt == Attempt(1);
        let outcome = |(_, attempt): &(Metadata, Attempt)| {
            if again(attempt) { Outcome::retry_after(10 * SECOND) } else { Outcome::done() }
        };
        items.iter().map(outcome).collect()
    }
    let (calls, broker) = (Calls::new(), Memory::new());
    broker.create_topic("t", 2);
    for partition in 0..2 {
        broker.produce(ProducerRecord::new("t").partition(partition).value("x")).unwrap();
    }
    let app = || {
        Router::new("g").subscribe("t", batch(ask).across_partitions()).with_state(calls.clone())
    };
    let test = TestApp::start_on(broker.clone(), app()).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(calls.items(), ["t/0/0#1 t/1/0#1"]);

    // The second member gets a partition, and begins anew with its record.
    let second = TestApp::start_on(broker.clone(), app()).await;
    tokio::time::sleep(60 * SECOND).await;

    let mut items: Vec<_> = calls
        .items()
        .iter()
        .flat_map(|call| call.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    items.sort();
    let moved =
        if items.iter().filter(|item| item.starts_with("t/0")).count() == 3 { 0 } else { 1 };
    let expected = |partition: i32| {
        let first = format!("t/{partition}/0#1");
        let again = if partition == moved { vec![first.clone()] } else { Vec::new() };
        [vec![first], again, vec![format!("t/{partition}/0#2")]].concat()
    };
    assert_eq!(items, [expected(0), expected(1)].concat());
    assert_eq!(test.committed("g", "t"), 2);
    test.stop().await.unwrap();
    second.stop().await.unwrap();
}
