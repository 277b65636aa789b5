use crate::billing::{Invoice, Order, bill, order};
use crate::kit::TestApp;
use milena::{Json, Key, Record, Router, State, each, publish, record::Headers};
use milena_memory::Memory;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn a_handler_is_a_function_and_needs_no_framework_to_be_tested() {
    let Json(invoice) = bill(order(1200)).await.unwrap();

    assert_eq!(invoice, Invoice { order: 1200, cents: 1200 });
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_returns_is_published_and_its_record_is_committed() {
    let app = Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"));
    let test = TestApp::start(app).await;

    test.publish("orders", order(1200)).await;
    test.publish("orders", order(800)).await;

    let invoices = test.published::<Invoice>("invoices");
    assert_eq!(
        invoices,
        [Invoice { order: 1200, cents: 1200 }, Invoice { order: 800, cents: 800 }]
    );
    assert_eq!(test.committed("billing", "orders"), 2);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn records_of_a_partition_are_handled_in_order_and_all_of_them() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    async fn note(
        Json(order): Json<Order>,
        record: Record,
        State(seen): State<Arc<Mutex<Vec<(i32, u64)>>>>,
    ) {
        tokio::task::yield_now().await;
        seen.lock().unwrap().push((record.partition(), order.id));
    }
    let broker = Memory::new();
    broker.create_topic("orders", 3);
    let app = Router::new("billing").subscribe("orders", each(note)).with_state(seen.clone());
    let test = TestApp::start_on(broker, app).await;

    let orders = (0..3000).map(|i| (format!("customer {i}"), order(i))).collect::<Vec<_>>();
    test.publish("orders", orders).await;

    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 3000);
    for partition in 0..3 {
        let ids: Vec<_> = seen.iter().filter(|(p, _)| *p == partition).map(|(_, id)| *id).collect();
        assert!(ids.len() > 800, "partition {partition} has {} records", ids.len());
        assert!(ids.is_sorted());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_has_the_parts_that_stand_before_it_and_those_of_its_target() {
    async fn copy(
        key: Option<Key<String>>,
        headers: Headers,
        Json(order): Json<Order>,
    ) -> (Option<Key<String>>, Headers, Json<Order>) {
        (key, headers, Json(order))
    }
    let target = publish("copies").header("source", "copier").timestamp(77).partition(0);
    let test =
        TestApp::start(Router::new("copier").subscribe("orders", each(copy).publish_to(target)))
            .await;

    test.publish(
        "orders",
        (
            "ada",
            Headers::new().with("trace", "1").with("trace", "2").with("none", None::<&str>),
            order(5),
        ),
    )
    .await;
    test.publish("orders", order(6)).await;

    let copies = test.records("copies");
    assert_eq!(copies[0].key(), Some(&b"ada"[..]));
    assert_eq!(copies[0].timestamp().millis(), Some(77));
    let headers = copies[0].headers();
    let headers: Vec<_> = headers.iter().collect();
    assert_eq!(
        headers,
        [
            ("source", Some(&b"copier"[..])),
            ("trace", Some(b"1")),
            ("trace", Some(b"2")),
            ("none", None),
            ("content-type", Some(b"application/json")),
        ]
    );
    assert_eq!(copies[1].key(), None);
}
