//! Formats: those that a service brings itself, and those that a record may have.

use crate::billing::{Order, order};
use bytes::Bytes;
use milena::{
    Batch, Json, Key, Record, Router, State, batch, each,
    error::BoxError,
    extract::{AnyOf, Codec, Coded},
    publish,
    record::{Headers, Tombstone},
    router::handler::Delivery,
};
use milena_test::TestApp;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering::SeqCst},
};
use tower::util::MapRequestLayer;

type Seen = Arc<Mutex<Vec<String>>>;

/// Lines of an id and cents, such as `7,100`.
struct Csv;

impl Codec<Order> for Csv {
    const CONTENT_TYPE: &'static str = "text/csv";

    fn decode(line: &[u8]) -> Result<Order, BoxError> {
        let (id, cents) = str::from_utf8(line)?.split_once(',').ok_or("there is no comma")?;
        Ok(Order { id: id.parse()?, cents: cents.parse()? })
    }

    fn encode(order: &Order) -> Result<Vec<u8>, BoxError> {
        if order.id == 0 {
            return Err("an order has an id".into());
        }
        Ok(format!("{},{}", order.id, order.cents).into_bytes())
    }
}

type CsvOrder = Coded<Order, Csv>;
type Any = AnyOf<Json<Order>, AnyOf<CsvOrder, AnyOf<String, Bytes>>>;

fn csv(cents: i64) -> CsvOrder {
    Coded::new(order(cents).0)
}

fn text(bytes: Option<&[u8]>) -> &str {
    str::from_utf8(bytes.unwrap()).unwrap()
}

fn content_types(records: &[Record]) -> Vec<Option<String>> {
    let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    records.iter().map(|record| record.header("content-type").map(text)).collect()
}

fn error(letter: &Record) -> String {
    text(letter.header("milena-dead-letter-error").as_deref()).to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_value_is_read_as_its_content_type_says_or_as_whatever_fits() {
    async fn look(value: Any, State(seen): State<Seen>) {
        let line = match value {
            AnyOf::One(Json(order)) => format!("json {}", order.cents),
            AnyOf::Other(AnyOf::One(Coded(order, ..))) => format!("csv {}", order.cents),
            AnyOf::Other(AnyOf::Other(AnyOf::One(text))) => format!("text {text}"),
            AnyOf::Other(AnyOf::Other(AnyOf::Other(bytes))) => format!("bytes {}", bytes.len()),
        };
        seen.lock().unwrap().push(line);
    }
    let seen = Seen::default();
    let app = Router::new("g").subscribe("t", each(look)).with_state(seen.clone());
    let test = TestApp::start(app).await;
    let of = |content_type: &str| Headers::new().with("content-type", content_type);

    test.publish("t", order(1)).await;
    test.publish("t", csv(2)).await;
    test.publish("t", "3,3").await; // says that it is text
    test.publish("t", (of("application/json; charset=utf-8"), r#"{"id":4,"cents":4}"#)).await;
    test.publish("t", (of("application/vnd.order+json"), r#"{"id":5,"cents":5}"#)).await;
    test.publish("t", (of("image/png"), r#"{"id":6,"cents":6}"#)).await;
    test.publish("t", Bytes::from(r#"{"id":7,"cents":7}"#)).await; // says nothing
    test.publish("t", Bytes::from("8,8")).await;
    test.publish("t", Bytes::from("nine")).await;
    test.publish("t", Bytes::from_static(&[0xff, 10])).await;
    test.publish("t", (of("text/csv").with("content-type", "text/plain"), "11,11")).await;

    assert_eq!(
        *seen.lock().unwrap(),
        [
            "json 1",
            "csv 2",
            "text 3,3",
            "json 4",
            "json 5",
            "bytes 18",
            "json 7",
            "csv 8",
            "text nine",
            "bytes 2",
            "text 11,11"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_type_that_nobody_reads_is_a_dead_letter_that_names_it_and_what_is_read() {
    async fn look(_: AnyOf<Json<Order>, CsvOrder>) {}
    let app = Router::new("g").subscribe("t", each(look).dead_letter("dead"));
    let test = TestApp::start(app).await;

    test.publish("t", "text").await;
    test.publish("t", (Headers::new().with("content-type", "text/csv"), "no comma")).await;
    test.publish("t", (Headers::new().with("content-type", None::<&str>), csv(3))).await;

    let errors: Vec<_> = test.records("dead").iter().map(error).collect();
    assert_eq!(
        errors,
        [
            "could not decode the value: its content type is `text/plain`; accepted is \
             `application/json`, `text/csv`",
            "could not decode the value: there is no comma",
        ]
    );
    assert_eq!(test.committed("g", "t"), 3);
}

#[tokio::test(start_paused = true)]
async fn each_subscription_has_its_own_format_for_values_keys_and_replies() {
    async fn to_json(Coded(order, ..): CsvOrder) -> Json<Order> {
        Json(order)
    }
    async fn to_csv(Json(order): Json<Order>) -> (Key<CsvOrder>, CsvOrder) {
        (Key(Coded::new(order.clone())), Coded::new(order))
    }
    async fn key(Key(key): Key<CsvOrder>, State(seen): State<Seen>) {
        seen.lock().unwrap().push(key.0.cents.to_string());
    }
    let seen = Seen::default();
    let app = Router::new("g")
        .subscribe("csv", each(to_json).publish_to("json"))
        .subscribe("json", each(to_csv).publish_to("back"))
        .subscribe("back", each(key))
        .with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("csv", csv(5)).await;

    assert_eq!(test.published::<Order>("json"), [order(5).0]);
    let [back] = &test.records("back")[..] else { panic!("one came back") };
    assert_eq!((text(back.key()), text(back.value())), ("5,5", "5,5"));
    assert_eq!(*seen.lock().unwrap(), ["5"]);
    let topics = ["csv", "json", "back"].map(|topic| content_types(&test.records(topic)));
    let types = ["text/csv", "application/json", "text/csv"];
    assert_eq!(topics, types.map(|content_type| vec![Some(content_type.to_owned())]));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_a_codec_cannot_write_is_a_failure_of_its_record() {
    async fn to_csv(Json(order): Json<Order>) -> CsvOrder {
        Coded::new(order)
    }
    let subscriber = each(to_csv).publish_to("csv").dead_letter("dead");
    let test = TestApp::start(Router::new("g").subscribe("json", subscriber)).await;

    test.publish("json", vec![order(0), order(1)]).await;

    assert_eq!(test.records("dead").iter().map(error).collect::<Vec<_>>(), ["an order has an id"]);
    assert_eq!(text(test.records("csv")[0].value()), "1,1");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_decoded_and_encoded_record_by_record() {
    async fn all(Batch(orders): Batch<CsvOrder>) -> Vec<AnyOf<CsvOrder, Json<Order>>> {
        let reply = |Coded(order, ..): CsvOrder| match order.cents % 2 {
            0 => AnyOf::One(Coded::new(order)),
            _ => AnyOf::Other(Json(order)),
        };
        orders.into_iter().map(reply).collect()
    }
    let subscriber = batch(all).publish_to("copies").dead_letter("dead");
    let test = TestApp::start(Router::new("g").subscribe("t", subscriber)).await;

    let of = |line: &str| Bytes::copy_from_slice(line.as_bytes());
    test.publish("t", vec![of("1,1"), of("none"), of("2,2")]).await;

    let copies = test.records("copies");
    let values: Vec<_> = copies.iter().map(|copy| text(copy.value())).collect();
    assert_eq!(values, [r#"{"id":1,"cents":1}"#, "2,2"]);
    let types = ["application/json", "text/csv"].map(|it| Some(it.to_owned()));
    assert_eq!(content_types(&copies), types);
    let [letter] = &test.records("dead")[..] else { panic!("one fails alone") };
    assert_eq!(text(letter.value()), "none");
}

#[tokio::test(start_paused = true)]
async fn none_bytes_text_and_values_are_written_as_the_table_says() {
    async fn write(which: String) -> Option<AnyOf<Json<Order>, AnyOf<String, Bytes>>> {
        match &*which {
            "json" => Some(AnyOf::One(order(1))),
            "text" => Some(AnyOf::Other(AnyOf::One("x".to_owned()))),
            "bytes" => Some(AnyOf::Other(AnyOf::Other(Bytes::from_static(b"x")))),
            _ => None,
        }
    }
    let app = Router::new("g")
        .subscribe("t", each(write).publish_to("typed"))
        .subscribe("t", each(write).publish_to(publish("bare").bare()));
    let test = TestApp::start(app).await;

    test.publish("t", ["json", "text", "bytes", "none"].to_vec()).await;

    let types = [Some("application/json".to_owned()), Some("text/plain".to_owned()), None];
    assert_eq!(content_types(&test.records("typed")), types);
    assert_eq!(content_types(&test.records("bare")), [None, None, None]);
    assert!(test.records("bare").iter().all(|record| record.headers().is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_null_in_json_is_a_value_and_a_tombstone_is_none() {
    async fn look(value: Option<Json<Option<Order>>>, State(seen): State<Seen>) {
        let line = value.map(|Json(order)| order.map(|order| order.cents));
        seen.lock().unwrap().push(format!("{line:?}"));
    }
    let seen = Seen::default();
    let app = Router::new("g").subscribe("t", each(look)).with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("t", "null").await;
    test.publish("t", Tombstone).await;
    test.publish("t", order(3)).await;

    assert_eq!(*seen.lock().unwrap(), ["Some(None)", "None", "Some(Some(3))"]);
}

#[tokio::test(start_paused = true)]
async fn records_are_prepared_once_a_call_from_the_outside_in_for_one_subscription_alone() {
    async fn look(value: String, State(seen): State<Seen>) {
        seen.lock().unwrap().push(value);
    }
    fn add(
        what: &'static str,
        calls: &Arc<AtomicU32>,
    ) -> MapRequestLayer<impl Fn(Delivery) -> Delivery + Clone + Send + Sync + 'static> {
        let calls = calls.clone();
        MapRequestLayer::new(move |delivery: Delivery| {
            calls.fetch_add(1, SeqCst);
            delivery.map_records(|record| {
                let value = [record.value().unwrap(), what.as_bytes()].concat();
                record.with_value(Bytes::from(value))
            })
        })
    }
    let (seen, calls) = (Seen::default(), Arc::new(AtomicU32::new(0)));
    let app = Router::new("g")
        .subscribe("t", each(look).layer(add(" own", &calls)))
        .layer(add(" router", &calls))
        .subscribe("t", each(look))
        .with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("t", "x").await;

    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    // The router's layer may be for what was added before it, or for all of its subscriptions.
    assert!(seen.iter().any(|value| value == "x router own"), "{seen:?}");
    assert!(!seen.iter().any(|value| value == "x own router"), "{seen:?}");
    assert_eq!(seen.len(), 2);
}
