use crate::assembly::refused;
use milena::{
    Json, Record, Retry, Router, State, by_key, each, record::Headers, router::handler::Delivery,
};
use milena_test::TestApp;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::util::MapRequestLayer;

const MS: Duration = Duration::from_millis(1);

type Seen = Arc<Mutex<Vec<String>>>;

fn say(seen: &Seen, what: impl Into<String>) {
    seen.lock().unwrap().push(what.into());
}

fn taken(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut *seen.lock().unwrap())
}

/// Whether a record is of this kind, by its header.
fn is(kind: &'static str) -> impl Fn(&Record) -> bool {
    move |record| record.headers().get("kind") == Some(kind.as_bytes())
}

/// A value of a kind.
fn of(kind: &str, value: &'static str) -> (Headers, &'static str) {
    (Headers::new().with("kind", kind), value)
}

async fn order(Json(id): Json<u32>, State(seen): State<Seen>) {
    say(&seen, format!("order {id}"));
}

async fn note(text: String, State(seen): State<Seen>) {
    say(&seen, format!("note {text}"));
}

async fn any(record: Record, State(seen): State<Seen>) {
    say(&seen, format!("any {}", record.offset()));
}

#[tokio::test(start_paused = true)]
async fn the_first_handler_that_takes_a_record_is_called_with_it_and_no_other() {
    let seen = Seen::default();
    let all = || each(order).when(is("order")).or(each(note).when(is("note"))).or(each(any));
    let app = Router::new("g")
        .subscribe("t", all())
        .subscribe("keyed", all().concurrency(by_key(8)))
        .with_state(seen.clone());
    let test = TestApp::start(app).await;
    let values = || vec![of("note", "x"), of("order", "1"), of("other", "y"), of("note", "z")];

    test.publish("t", values()).await;
    assert_eq!(taken(&seen), ["note x", "order 1", "any 2", "note z"]);
    test.publish("keyed", values()).await;
    assert_eq!(taken(&seen), ["note x", "order 1", "any 2", "note z"]);

    assert_eq!((test.committed("g", "t"), test.committed("g", "keyed")), (4, 4));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_no_handler_takes_is_refused_and_takes_the_failure_path() {
    let seen = Seen::default();
    let both = || each(order).when(is("order")).or(each(note).when(is("note")));
    let app = Router::new("g")
        .subscribe("t", both().retry(Retry::fixed(9, MS)).dead_letters())
        .subscribe("skipped", both().skip_failures())
        .with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("t", vec![of("other", "x"), of("order", "1")]).await;
    test.publish("skipped", vec![of("other", "x"), of("order", "2")]).await;

    assert_eq!(taken(&seen), ["order 1", "order 2"]);
    let [letter] = &test.records("t.dead")[..] else { panic!("one record is nobody's") };
    let header = |name: &str| letter.headers().get(name).map(<[u8]>::to_vec).unwrap();
    assert_eq!(header("milena-dead-letter-error"), b"no handler takes it");
    assert_eq!(header("milena-dead-letter-attempts"), b"1", "it is not tried again");
    assert_eq!((test.committed("g", "t"), test.committed("g", "skipped")), (2, 2));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_no_handler_takes_stops_the_service_unless_something_is_said_of_failures() {
    let app = Router::new("g").subscribe("t", each(order).when(is("order")));
    let test = TestApp::start(app.with_state(Seen::default())).await;

    test.try_publish("t", vec![of("order", "1"), of("other", "x")]).await.unwrap_err();

    assert_eq!(test.committed("g", "t"), 1);
    let error = test.stop().await.unwrap_err();
    assert_eq!(error.to_string(), "could not process record t/0/1 in 1 call: no handler takes it");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_predicate_is_a_failure_of_its_record_alone() {
    let seen = Seen::default();
    let picky = |record: &Record| {
        assert!(record.value() != Some(b"bad"), "such a record was not expected");
        true
    };
    let subscriber = each(note).when(picky).dead_letters();
    let app = Router::new("g").subscribe("t", subscriber).with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("t", vec!["a", "bad", "b"]).await;

    assert_eq!(taken(&seen), ["note a", "note b"]);
    let [letter] = &test.records("t.dead")[..] else { panic!("one record is bad") };
    let error = letter.headers().get("milena-dead-letter-error").unwrap().to_vec();
    let error = String::from_utf8(error).unwrap();
    assert!(error.ends_with("such a record was not expected"), "{error}");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_handler_keeps_its_layers_and_replies_and_what_is_said_behind_counts_for_all() {
    let seen = Seen::default();
    let told = |what: &'static str| {
        let seen = seen.clone();
        MapRequestLayer::new(move |delivery: Delivery| {
            say(&seen, what);
            delivery
        })
    };
    let text = |text: &'static str| move || async move { text };
    let subscriber = each(text("a"))
        .when(is("a"))
        .publish_to("of-a")
        .layer(told("a's"))
        .or(each(text("b")).when(is("b")).layer(told("b's")).publish_to("of-b").publish_to("both"))
        .layer(told("around"))
        .or(each(any));
    let app = Router::new("g").layer(told("router's")).subscribe("t", subscriber);
    let test = TestApp::start(Router::new("g").nest("eu.", app).with_state(seen.clone())).await;

    test.publish("eu.t", vec![of("a", ""), of("b", ""), of("c", "")]).await;

    let calls = ["router's", "around", "a's", "router's", "around", "b's", "router's", "any 2"];
    assert_eq!(taken(&seen), calls);
    let values = |topic: &str| {
        let records = test.records(topic).into_iter();
        records.map(|record| record.value().unwrap().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(
        (values("eu.of-a"), values("eu.of-b"), values("eu.both")),
        (vec![b"a".to_vec()], vec![b"b".to_vec()], vec![b"b".to_vec()])
    );
    test.stop().await.unwrap();
}

#[test]
fn handlers_that_share_a_subscription_are_all_described() {
    let subscriber = each(order).when(is("order")).title("events").or(each(note).no_reply());
    let router = Router::<Seen>::new("g").subscribe("t", subscriber);

    let all: Vec<_> = router.operations().collect();

    let [events] = &all[..] else { panic!("it is one subscription") };
    let [notes] = &events.alternatives[..] else { panic!("it has two handlers") };
    assert!(events.operation.handler.ends_with("filters::order"));
    assert!(notes.handler.ends_with("filters::note"));
    assert_eq!(events.operation.title.as_deref(), Some("events"));
    assert!(notes.no_reply && !events.operation.no_reply);
    assert!(events.operation.value.is_some() && notes.value.is_none());
}

#[test]
fn what_could_not_count_is_refused_by_name() {
    let cases: [(&str, fn() -> Router<Seen>); 4] = [
        ("`.retry` and `.skip_failures` of `it::filters::note` could not count", || {
            let later = each(note).retry(Retry::forever()).skip_failures();
            Router::new("g").subscribe("t", each(order).when(is("order")).or(later))
        }),
        ("`it::filters::note` would never be called: `it::filters::order` before it takes", || {
            Router::new("g").subscribe("t", each(order).or(each(note)))
        }),
        ("`.when` behind `.or` may be of any of its handlers", || {
            let both = each(order).when(is("order")).or(each(note));
            Router::new("g").subscribe("t", both.when(is("note")))
        }),
        ("`.concurrency` of `it::filters::any` could not count", || {
            let later = each(any).concurrency(by_key(2));
            Router::new("g").subscribe("t", each(order).when(is("order")).or(later))
        }),
    ];
    for (message, assemble) in cases {
        let refused = refused(|| assemble().with_state(Seen::default()));
        assert!(refused.starts_with(message), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_predicates_of_a_handler_both_have_to_say_yes() {
    let seen = Seen::default();
    let late = |record: &Record| record.offset() > 0;
    let subscriber = each(order).when(is("order")).when(late).or(each(any));
    let app = Router::new("g").subscribe("t", subscriber).with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("t", vec![of("order", "1"), of("order", "2"), of("note", "3")]).await;

    assert_eq!(taken(&seen), ["any 0", "order 2", "any 2"]);
}
