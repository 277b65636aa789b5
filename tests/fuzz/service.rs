//! A service that is handed anything: it goes on, and what comes of it is what was handed to it.

use crate::random::{Random, often};
use milena::{
    Json, Memory, Publisher, Record, Retry, Router, each,
    layers::TraceLayer,
    publish,
    record::{ProducerRecord, names},
};
use milena_test::TestApp;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use std::time::Duration;

const NAMES: [&str; 11] = [
    names::CORRELATION_ID,
    names::REPLY_TO,
    names::REPLY_PARTITION,
    names::REPLY_ERRORS,
    names::CONTENT_TYPE,
    names::ERROR,
    "traceparent",
    "tracestate",
    "baggage",
    "milena-dead-letter-topic",
    "milena-dead-letter-attempts",
];
const VALUES: [&str; 16] = [
    "answers",
    "..",
    ".",
    "no such topic",
    "7",
    "-1",
    "2147483648",
    "true",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "ff-",
    "00-",
    "a=b",
    ",",
    "text/plain",
    "é",
    "orders",
];

async fn judge(Json(cents): Json<i64>) -> Result<Json<i64>, std::io::Error> {
    if cents < 0 {
        Err(std::io::Error::other("é".repeat(cents.unsigned_abs() as usize % 2000)))
    } else {
        Ok(Json(cents))
    }
}

fn record(random: &mut Random) -> ProducerRecord {
    let value = random.bytes(&["1", "-999", "2", "{}", "null"]);
    let mut record = ProducerRecord::new("in").partition(0).value(value);
    if random.below(2) == 0 {
        record = record.key(random.bytes(&["k"]));
    }
    for _ in 0..random.below(8) {
        let value = Some(random.bytes(&VALUES)).filter(|it| it.len() != 1);
        record.headers.push(random.one(&NAMES), value.as_deref());
    }
    record
}

/// A reply goes nowhere that makes its service an asker of itself.
fn is_no_circle(record: &ProducerRecord) -> bool {
    record.headers.get(names::REPLY_TO) != Some(b"in")
}

fn is_topic(name: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=249).contains(&name.len()) && name.chars().all(is_legal) && name != "." && name != ".."
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    // With the clock of tests a service takes no time.
    runtime.enable_all().start_paused(true).build().unwrap().block_on(future)
}

fn traces() -> TraceLayer {
    TraceLayer::new().propagator(TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]))
}

#[test]
fn whatever_a_record_has_in_it_the_service_goes_on_and_its_dead_letter_has_all_of_it() {
    often(60, |random| {
        let records: Vec<_> = (0..50).map(|_| record(random)).filter(is_no_circle).collect();
        let broker = Memory::new();
        run(async {
            let subscriber = each(judge)
                .answer()
                .retry(Retry::fixed(2, Duration::from_millis(1)))
                .dead_letter("dead");
            let router = Router::new("g").layer(traces()).subscribe("in", subscriber);
            let test = TestApp::start_on(broker.clone(), router).await;
            for record in &records {
                broker.produce(record.clone()).unwrap();
            }
            test.settle().await;
            assert_eq!(test.committed("g", "in"), records.len() as i64);
            test.stop().await.unwrap();
        });

        assert!(broker.topics().iter().all(|topic| is_topic(topic)), "{:?}", broker.topics());
        for letter in broker.records("dead").iter().filter(|it| is_letter(it)) {
            let offset: usize =
                letter.headers().parse("milena-dead-letter-offset").unwrap().unwrap();
            let source = &records[offset];
            assert_eq!(
                (letter.key(), letter.value()),
                (source.key.as_deref(), source.value.as_deref())
            );
            let headers = letter.headers();
            assert!(source.headers.iter().eq(headers.iter().take(source.headers.len())));
        }
    });
}

/// Answers may be asked for in the topic of dead letters.
fn is_letter(record: &Record) -> bool {
    record.headers().contains("milena-dead-letter-offset")
}

#[test]
fn whatever_comes_for_an_answer_a_request_gets_its_own() {
    often(60, |random| {
        let garbage: Vec<_> = (0..50).map(|_| record(random)).collect();
        let broker = Memory::new();
        run(async {
            let copy = |text: String| async move { text };
            let answering = Router::new("copies").subscribe("questions", each(copy).answer());
            let answering = TestApp::start_on(broker.clone(), answering).await;
            let mut router = Router::new("asker").subscribe("unused", each(async || ()));
            let asker: Publisher<()> = router.publisher(publish("questions").reply_to("answers"));
            let asking = TestApp::start_on(broker.clone(), router).await;
            for (number, mut record) in garbage.into_iter().enumerate() {
                record.topic = "answers".into();
                broker.produce(record).unwrap();
                let text = format!("question {number}");
                let answer: String =
                    asker.request(text.clone(), Duration::from_secs(5)).await.unwrap();
                assert_eq!(answer, text);
            }
            answering.stop().await.unwrap();
            asking.stop().await.unwrap();
        });
    });
}
