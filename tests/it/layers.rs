use crate::billing::order;
use crate::kit::TestApp;
use milena::{
    Batch, Json, Outcome, Record, Retry, Router, State, batch, each,
    error::BoxError,
    extract::{Attempt, FromRecord, Rejection},
    layers::{from_extractor, from_extractor_with_state},
    router::handler::Delivery,
};
use milena_core::ProducerRecord;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::{
    ServiceBuilder,
    layer::layer_fn,
    limit::ConcurrencyLimitLayer,
    timeout::TimeoutLayer,
    util::{MapErrLayer, MapRequestLayer, ThenLayer},
};

const MS: Duration = Duration::from_millis(1);

type Seen = Arc<Mutex<Vec<&'static str>>>;
type Values = Arc<Mutex<Vec<String>>>;

/// A layer that says when a call passes through it.
fn say(
    seen: &Seen,
    what: &'static str,
) -> MapRequestLayer<impl Fn(Delivery) -> Delivery + Clone + Send + Sync + 'static> {
    let seen = seen.clone();
    MapRequestLayer::new(move |delivery| {
        seen.lock().unwrap().push(what);
        delivery
    })
}

fn taken(seen: &Seen) -> Vec<&'static str> {
    std::mem::take(&mut *seen.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_tower_bounds_each_attempt_and_the_lane_goes_on() {
    async fn sleep(Json(order): Json<crate::billing::Order>) {
        tokio::time::sleep(order.cents.unsigned_abs() as u32 * MS).await;
    }
    let subscriber = each(sleep)
        .layer(TimeoutLayer::new(50 * MS))
        .retry(Retry::fixed(2, MS))
        .dead_letter("dead");
    let test = TestApp::start(Router::new("g").subscribe("orders", subscriber)).await;

    test.publish("orders", vec![order(10), order(1000), order(20)]).await;

    let [letter] = &test.records("dead")[..] else { panic!("one record is too slow") };
    assert_eq!(letter.headers().get("milena-dead-letter-error"), Some(&b"request timed out"[..]));
    assert_eq!(letter.headers().get("milena-dead-letter-attempts"), Some(&b"2"[..]));
    assert_eq!(test.committed("g", "orders"), 3);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_last_layer_added_is_outermost_and_a_routers_wraps_all_there_is_in_it() {
    async fn done(State(seen): State<Seen>) {
        seen.lock().unwrap().push("handler");
    }
    let seen = Seen::default();
    let app = Router::new("g")
        .subscribe("t", each(done).layer(say(&seen, "inner")).layer(say(&seen, "outer")))
        .layer(say(&seen, "router"))
        .subscribe("other", each(done))
        .with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("t", "x").await;
    assert_eq!(taken(&seen), ["router", "outer", "inner", "handler"]);
    test.publish("other", "x").await;
    assert_eq!(taken(&seen), ["router", "handler"]);
}

#[tokio::test(start_paused = true)]
async fn unmodified_layers_of_tower_compose_around_single_records_and_batches() {
    async fn one() {}
    async fn many(Batch(_): Batch<String>) {}
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(100 * MS))
        .layer(ConcurrencyLimitLayer::new(1))
        .into_inner();
    let app =
        Router::new("g").subscribe("one", each(one)).subscribe("many", batch(many)).layer(stack);
    let test = TestApp::start(app).await;

    test.publish("one", vec!["a", "b"]).await;
    test.publish("many", vec!["a", "b"]).await;

    assert_eq!((test.committed("g", "one"), test.committed("g", "many")), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_layer_can_settle_a_record_and_a_refusal_passes_through_it() {
    async fn refuse(_: Json<u32>) {}
    let skip = layer_fn(|inner: milena::router::Route| {
        tower::service_fn(move |delivery: Delivery| {
            let inner = inner.clone();
            async move {
                if delivery.first().value() == Some(b"skip") {
                    return Ok(Outcome::skip("a layer says so"));
                }
                tower::ServiceExt::oneshot(inner, delivery).await
            }
        })
    });
    let subscriber = each(refuse).layer(skip).retry(Retry::fixed(9, MS)).dead_letter("dead");
    let test = TestApp::start(Router::new("g").subscribe("t", subscriber)).await;

    test.publish("t", vec!["skip", "nonsense", "7"]).await;

    let [letter] = &test.records("dead")[..] else { panic!("one record cannot be decoded") };
    assert_eq!(
        letter.headers().get("milena-dead-letter-attempts"),
        Some(&b"1"[..]),
        "it is not tried again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_behind_a_layer_is_a_failure_of_its_record() {
    async fn panic(record: Record) {
        assert!(record.offset() != 0, "at the start");
    }
    let subscriber = each(panic).layer(TimeoutLayer::new(MS)).dead_letter("dead");
    let test = TestApp::start(Router::new("g").subscribe("t", subscriber)).await;

    test.publish("t", vec!["a", "b"]).await;

    assert_eq!(test.records("dead").len(), 1);
    assert_eq!(test.committed("g", "t"), 2);
}

/// What a record has to have before its handler is called.
struct Signed;

impl<S: Sync> FromRecord<S> for Signed {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        match record.value() {
            Some(value) if value.starts_with(b"signed") => Ok(Self),
            _ => Err(Rejection::new("signature", "there is none")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_extractor_before_a_handler_refuses_records_each_alone() {
    async fn one(value: String, State(seen): State<Values>) {
        seen.lock().unwrap().push(value);
    }
    async fn many(Batch(values): Batch<String>, State(seen): State<Values>) {
        seen.lock().unwrap().extend(values);
    }
    let seen = Values::default();
    let app = Router::new("g")
        .subscribe("one", each(one).retry(Retry::fixed(9, MS)))
        .subscribe("many", batch(many).max_records(4))
        .dead_letters()
        .layer(from_extractor::<Signed>())
        .with_state(seen.clone());
    let test = TestApp::start(app).await;
    let written = || vec!["forged", "signed 1", "forged", "signed 2"];

    test.publish("one", written()).await;
    test.publish("many", written()).await;

    let passed = ["signed 1", "signed 2", "signed 1", "signed 2"];
    assert_eq!(*seen.lock().unwrap(), passed);
    for topic in ["one.dead", "many.dead"] {
        let letters = test.records(topic);
        let header = |name| {
            letters.iter().all(|it| it.headers().get(name) == letters[0].headers().get(name))
        };
        assert_eq!(letters.len(), 2, "{topic}");
        assert!(letters.iter().all(|letter| letter.value() == Some(b"forged")));
        assert!(header("milena-dead-letter-error") && header("milena-dead-letter-attempts"));
        let why = letters[0].headers();
        assert_eq!(
            why.get("milena-dead-letter-error"),
            Some(&b"could not decode the signature: there is none"[..])
        );
        assert_eq!(
            why.get("milena-dead-letter-attempts"),
            Some(&b"1"[..]),
            "it is not tried again"
        );
    }
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_which_nothing_is_left_calls_no_handler() {
    async fn many(_: Batch<String>, State(seen): State<Seen>) {
        seen.lock().unwrap().push("called");
    }
    let seen = Seen::default();
    let subscriber = batch(many).layer(from_extractor::<Signed>()).layer(say(&seen, "around"));
    let app = Router::new("g").subscribe("t", subscriber.skip_failures()).with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("t", vec!["forged", "forged"]).await;

    assert_eq!(taken(&seen), ["around"]);
    assert_eq!(test.committed("g", "t"), 2);
}

#[tokio::test(start_paused = true)]
async fn extractors_of_routers_around_each_other_run_outer_first_with_a_state_of_their_own() {
    struct Told;

    impl FromRecord<(Seen, &'static str)> for Told {
        type Rejection = Rejection;

        async fn from_record(
            _: &Record,
            (seen, what): &(Seen, &'static str),
        ) -> Result<Self, Rejection> {
            seen.lock().unwrap().push(what);
            Ok(Self)
        }
    }
    let seen = Seen::default();
    let told = |what| from_extractor_with_state::<Told, _>((seen.clone(), what));
    let inner =
        Router::new("g").layer(told("inner")).subscribe("t", each(|| async {}).layer(told("own")));
    let test = TestApp::start(Router::new("g").nest("eu.", inner).layer(told("outer"))).await;

    test.publish("eu.t", "x").await;

    assert_eq!(taken(&seen), ["outer", "inner", "own"]);
}

#[derive(Debug)]
struct Missing;

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it is missing")
    }
}

impl std::error::Error for Missing {}

#[tokio::test(start_paused = true)]
async fn a_layer_makes_outcomes_of_errors_by_their_type_and_leaves_the_others() {
    async fn find(Json(number): Json<u32>) -> Result<Outcome, BoxError> {
        match number {
            0 => Err(Missing.into()),
            1 => Err(std::io::Error::other("it is broken").into()),
            2 => Ok(Outcome::skip("it is not worth it")),
            _ => Ok(Outcome::done()),
        }
    }
    let (seen, told) = (Seen::default(), Seen::default());
    let (by_layer, by_outer) = (seen.clone(), told.clone());
    let answering = ThenLayer::new(move |result: Result<Outcome, BoxError>| {
        let seen = by_layer.clone();
        async move {
            let Err(error) = result else { return result };
            let is_refusal = error.source().is_some_and(|it| it.is::<Rejection>());
            seen.lock().unwrap().push(if is_refusal { "refusal" } else { "error" });
            if error.is::<Missing>() {
                let answer = ProducerRecord::new("answers").value("there is none");
                return Ok(Outcome::done().publish(answer));
            }
            Err(error)
        }
    });
    let telling = MapErrLayer::new(move |error: BoxError| {
        by_outer.lock().unwrap().push("told");
        error
    });
    let app = Router::new("g")
        .subscribe("t", each(find))
        .retry(Retry::fixed(2, MS))
        .dead_letters()
        .layer(answering)
        .layer(telling);
    let test = TestApp::start(app).await;

    let numbers = ["0", "1", "2", "3", "nonsense"].into_iter().map(|it| it.to_owned());
    test.publish("t", numbers.collect::<Vec<_>>()).await;

    assert_eq!(taken(&seen), ["error", "error", "error", "refusal"], "no skip is an error");
    assert_eq!(taken(&told), ["told", "told", "told"], "what became an outcome is none either");
    assert_eq!(test.records("answers").len(), 1);
    let letters = test.records("t.dead");
    let told: Vec<_> = letters
        .iter()
        .map(|it| it.headers().get("milena-dead-letter-attempts").unwrap().to_vec())
        .collect();
    assert_eq!(told, [b"2", b"1"], "an error that is passed on is still one, and a refusal, too");
    assert_eq!(test.committed("g", "t"), 5);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_runs_once_an_attempt_and_sees_its_begin_its_end_and_the_value() {
    async fn fail_once(Attempt(attempt): Attempt) -> Result<(), Missing> {
        if attempt == 1 { Err(Missing) } else { Ok(()) }
    }
    let seen = Values::default();
    let by_layer = seen.clone();
    let tap = layer_fn(move |inner: milena::router::Route| {
        let seen = by_layer.clone();
        tower::service_fn(move |delivery: Delivery| {
            let (inner, seen) = (inner.clone(), seen.clone());
            async move {
                let value: u32 = serde_json::from_slice(delivery.first().value().unwrap()).unwrap();
                seen.lock().unwrap().push(format!("begin {value}"));
                let result = tower::ServiceExt::oneshot(inner, delivery).await;
                let original = result.as_ref().is_err_and(|error| error.is::<Missing>());
                seen.lock().unwrap().push(format!("end {value} {original}"));
                result
            }
        })
    });
    let subscriber = each(fail_once).layer(tap).retry(Retry::fixed(2, MS));
    let test = TestApp::start(Router::new("g").subscribe("t", subscriber)).await;

    test.publish("t", "7").await;

    assert_eq!(*seen.lock().unwrap(), ["begin 7", "end 7 true", "begin 7", "end 7 false"]);
    test.stop().await.unwrap();
}
