use super::{
    chain::traced,
    spans::{Spans, attribute, error, is_child, w3c},
};
use milena::{
    Json, Outcome, Publisher, Retry, Router, each, error::ErrorKind, layers::TraceLayer, publish,
};
use milena_memory::Memory;
use milena_test::TestApp;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tracing_subscriber::util::SubscriberInitExt;

async fn act(value: String) -> anyhow::Result<Outcome> {
    match &*value {
        "fail" => anyhow::bail!("it fails"),
        "panic" => panic!("it panics"),
        "hang" => std::future::pending().await,
        "skip" => Ok(Outcome::skip("it may be skipped")),
        _ => Ok(Outcome::done()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_span_says_how_its_call_failed_and_what_was_decided() {
    let spans = Spans::default();
    let _listening = spans.listen();
    let second = Duration::from_secs(1);
    let router = Router::new("g")
        .subscribe("acts", each(act).skip_failures().timeout(second))
        .subscribe("numbers", each(async |_: Json<u8>| {}).skip_failures());
    let test = TestApp::start(traced(router)).await;
    for value in ["good", "skip", "fail", "panic", "hang"] {
        test.publish("acts", value).await;
    }
    test.publish("numbers", "no number").await;

    let told: Vec<_> = spans
        .named("process acts")
        .iter()
        .map(|span| {
            let of = |name| attribute(span, name).unwrap_or_default();
            (of("milena.outcome"), of("error.type"), error(span).map(str::to_owned))
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(a, b, c)| (&**a, &**b, c.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("done", "", None),
            ("skip", "", None),
            ("", "_OTHER", Some("it fails")),
            ("", "panic", Some("the handler panicked")),
            ("", "cancelled", Some("the call was dropped before it had ended")),
        ]
    );
    let refused = spans.one("process numbers");
    assert_eq!(attribute(&refused, "error.type").as_deref(), Some("refused"));
    assert!(error(&refused).unwrap().contains("could not decode the value"));
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_a_span_and_a_dead_letter_goes_on_with_the_trace_of_its_record() {
    let spans = Spans::default();
    let _listening = spans.listen();
    let retry = Retry::fixed(3, Duration::from_millis(1));
    let mut router = Router::new("g").subscribe("acts", each(act).retry(retry).dead_letters());
    let acts: Publisher<&'static str> = router.publisher(publish("acts").schema());
    let test = crate::publishers::started_on(&Memory::new(), traced(router)).await;
    acts.send("fail").await.unwrap();
    test.settle().await;

    let (sent, letter) = (spans.one("send acts"), spans.one("send acts.dead"));
    let attempts = spans.named("process acts");
    let numbers: Vec<_> =
        attempts.iter().filter_map(|it| attribute(it, "milena.attempt")).collect();
    assert_eq!(numbers, ["1", "2", "3"]);
    assert!(attempts.iter().all(|it| is_child(it, &sent)));
    assert!(is_child(&letter, &sent));
    let headers = test.records("acts.dead")[0].headers();
    let context = String::from_utf8(headers.get("traceparent").unwrap().to_vec()).unwrap();
    assert!(context.contains(&letter.span_context.span_id().to_string()));
    assert_eq!(headers.get_all("traceparent").count(), 1);
    assert_eq!(
        headers.get("correlation_id"),
        test.records("acts")[0].headers().get("correlation_id")
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_that_the_broker_refuses_says_so_in_its_span() {
    let spans = Spans::default();
    let _listening = spans.listen();
    let broker = Memory::new();
    broker.faults().refuse_writes("copies", ErrorKind::TooLarge);
    let router = Router::new("g").subscribe(
        "records",
        each(async |value: String| value).publish_to("copies").skip_failures(),
    );
    let test = TestApp::start_on(broker, traced(router)).await;
    test.publish("records", "v").await;

    let send = spans.one("send copies");
    assert_eq!(attribute(&send, "error.type").as_deref(), Some("too_large"));
    assert!(error(&send).unwrap().contains("copies"));
    assert!(is_child(&send, &spans.one("process records")));
}

#[tokio::test(start_paused = true)]
async fn keys_stay_out_of_spans_when_they_are_not_wanted() {
    let spans = Spans::default();
    let _listening = spans.listen();
    let layer = TraceLayer::new().without_keys().propagator(w3c());
    let router = Router::new("g").subscribe("acts", each(act)).layer(layer);
    let test = TestApp::start(router).await;
    test.publish("acts", ("ada@example.org", "good")).await;

    let process = spans.one("process acts");
    assert!(!format!("{process:?}").contains("ada"), "{process:?}");
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_access_log_has_a_line_a_call_with_the_place_of_its_record() {
    crate::trace();
    let lines = Lines::default();
    let to = lines.clone();
    let _listening = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter("milena::access=debug")
        .with_writer(move || to.clone())
        .set_default();
    let router = Router::new("g").subscribe("acts", each(act).skip_failures());
    let test = TestApp::start(traced(router)).await;
    for value in ["good", "fail"] {
        test.publish("acts", value).await;
    }

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let [good, bad] = &text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    for part in [
        "group=\"g\"",
        "topic=\"acts\"",
        "partition=0",
        "offset=0",
        "attempt=1",
        "outcome=\"done\"",
    ] {
        assert!(good.contains(part), "{good}");
    }
    assert!(bad.contains("offset=1") && bad.contains("error=\"it fails\""), "{bad}");
}
