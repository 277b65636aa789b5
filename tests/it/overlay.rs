//! What layers change of a record, and what is put beside it.

use crate::billing::{Order, order};
use crate::kit::TestApp;
use bytes::Bytes;
use milena::{
    Batch, Json, Record, Retry, Router, State, batch, each,
    extract::{CorrelationId, Extension},
    record::Headers,
    router::handler::Delivery,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::util::MapRequestLayer;

type Seen = Arc<Mutex<Vec<String>>>;

#[derive(Clone)]
struct Tenant(String);

fn text(bytes: Option<&[u8]>) -> &str {
    str::from_utf8(bytes.unwrap()).unwrap()
}

/// Takes the frame of a value away, and puts the tenant of its header beside it.
fn unframe(delivery: Delivery) -> Delivery {
    let tenant = delivery.first().header("tenant").unwrap_or_default();
    let tenant = Tenant(String::from_utf8(tenant.to_vec()).unwrap());
    delivery.with_extension(tenant).map_records(|record| {
        let inner = record.value().unwrap().strip_prefix(b"<").unwrap();
        let inner = Bytes::copy_from_slice(inner.strip_suffix(b">").unwrap());
        record.with_value(inner).with_headers(Headers::new().with("unframed", "yes"))
    })
}

#[tokio::test(start_paused = true)]
async fn a_layer_changes_what_extractors_read_and_dead_letters_stay_as_they_were_read() {
    async fn look(
        Json(order): Json<Order>,
        Extension(tenant): Extension<Tenant>,
        record: Record,
        State(seen): State<Seen>,
    ) -> anyhow::Result<()> {
        let unframed = record.header("unframed").is_some();
        let line = format!("{} {} {} {unframed}", record.offset(), order.cents, tenant.0);
        seen.lock().unwrap().push(line);
        anyhow::ensure!(order.cents >= 0, "it is negative");
        Ok(())
    }
    let subscriber = each(look)
        .layer(MapRequestLayer::new(unframe))
        .retry(Retry::fixed(2, Duration::from_millis(1)))
        .dead_letter("dead");
    let seen = Seen::default();
    let app = Router::new("g").subscribe("t", subscriber).with_state(seen.clone());
    let test = TestApp::start(app).await;
    let framed = |cents| {
        let value = format!("<{}>", serde_json::to_string(&order(cents).0).unwrap());
        (Headers::new().with("tenant", "acme"), value)
    };

    test.publish("t", framed(1)).await;
    test.publish("t", framed(-2)).await;

    // Each attempt begins with the record as it was read.
    let lines = ["0 1 acme true", "1 -2 acme true", "1 -2 acme true"];
    assert_eq!(*seen.lock().unwrap(), lines);
    let [letter] = &test.records("dead")[..] else { panic!("one is negative") };
    assert_eq!(text(letter.value()), r#"<{"id":2,"cents":-2}>"#);
    assert_eq!(letter.header("tenant").as_deref(), Some(&b"acme"[..]));
    assert_eq!(test.committed("g", "t"), 2);
}

#[tokio::test(start_paused = true)]
async fn each_record_of_a_batch_is_changed_before_it_is_decoded() {
    async fn all(Batch(orders): Batch<(Json<Order>, Extension<Tenant>)>, State(seen): State<Seen>) {
        let line = |(Json(order), Extension(tenant)): (Json<Order>, Extension<Tenant>)| {
            format!("{} {}", order.cents, tenant.0)
        };
        seen.lock().unwrap().extend(orders.into_iter().map(line));
    }
    let seen = Seen::default();
    let subscriber = batch(all).layer(MapRequestLayer::new(unframe));
    let app = Router::new("g").subscribe("t", subscriber).with_state(seen.clone());
    let test = TestApp::start(app).await;

    let values = [1, 2].map(|id| format!(r#"<{{"id":{id},"cents":{id}}}>"#)).to_vec();
    test.publish("t", values).await;

    assert_eq!(*seen.lock().unwrap(), ["1 ", "2 "]);
}

#[tokio::test(start_paused = true)]
async fn an_extension_that_no_layer_added_is_a_failure_that_names_it() {
    async fn need(_: Extension<Tenant>) {}
    async fn may_need(tenant: Option<Extension<Tenant>>) {
        assert!(tenant.is_none());
    }
    let app = Router::new("g")
        .subscribe("t", each(need).dead_letter("dead"))
        .subscribe("u", each(may_need));
    let test = TestApp::start(app).await;

    test.publish("t", "x").await;
    test.publish("u", "x").await;

    let [letter] = &test.records("dead")[..] else { panic!("it is refused") };
    assert_eq!(
        text(letter.headers().get("milena-dead-letter-error")),
        "could not decode the extension `it::overlay::Tenant`: no layer added it; one has to, with \
         `Delivery::with_extension`"
    );
    assert_eq!((test.committed("g", "t"), test.committed("g", "u")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_correlation_id_is_read_and_handed_on_whatever_its_bytes_are() {
    async fn hand_on(
        id: Option<CorrelationId>,
        headers: Headers,
        State(seen): State<Seen>,
    ) -> (Headers, Option<CorrelationId>, &'static str) {
        seen.lock().unwrap().push(id.as_ref().map_or("none".to_owned(), ToString::to_string));
        (headers, id, "done")
    }
    let seen = Seen::default();
    let app = Router::new("g")
        .subscribe("t", each(hand_on).publish_to("copies"))
        .with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("t", (CorrelationId::new("abc"), "x")).await;
    test.publish("t", (CorrelationId::new(&[0xff, b'1'][..]), "x")).await;
    test.publish("t", "x").await;
    test.publish("t", (Headers::new().with("correlation_id", None::<&str>), "x")).await;

    assert_eq!(*seen.lock().unwrap(), ["abc", "\u{fffd}1", "none", "none"]);
    let ids = |record: &Record| {
        let headers = record.headers();
        headers.get_all("correlation_id").map(|id| id.map(<[u8]>::to_vec)).collect::<Vec<_>>()
    };
    let copies: Vec<_> = test.records("copies").iter().map(ids).collect();
    assert_eq!(
        copies,
        [vec![Some(b"abc".to_vec())], vec![Some(b"\xff1".to_vec())], vec![], vec![None]]
    );
}
