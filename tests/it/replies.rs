use crate::billing::{Invoice, Order, bill, order};
use crate::kit::TestApp;
use milena::{
    Json, Publisher, Retry, Router, State, each, error::ErrorKind, publish, record::Tombstone,
};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

const MS: Duration = Duration::from_millis(1);

fn produce(broker: &Memory, cents: i64) {
    let value = serde_json::to_vec(&order(cents).0).unwrap();
    broker.produce(ProducerRecord::new("orders").value(value)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_lane_waits_for_the_broker_and_no_record_is_done_before_its_reply() {
    let broker = Memory::new();
    broker.faults().hold_deliveries();
    let app = Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"));
    let test = TestApp::start_on(broker.clone(), app).await;
    (0..50).for_each(|cents| produce(&broker, cents));

    tokio::time::sleep(5000 * MS).await;

    assert_eq!(broker.faults().fired().deliveries_held, 50, "all replies are on their way at once");
    assert_eq!(test.committed("billing", "orders"), 0);
    broker.faults().release_deliveries();
    test.settle().await;
    assert_eq!(test.committed("billing", "orders"), 50);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn replies_on_their_way_are_bounded_in_number_and_bytes() {
    for (replies, bytes, expected) in [(10, usize::MAX, 10), (1000, 100, 4), (1000, 1, 1)] {
        let broker = Memory::new();
        broker.faults().hold_deliveries();
        let subscriber = each(bill).publish_to(publish("invoices").bare());
        let app =
            Router::new("billing").subscribe("orders", subscriber).max_in_flight(replies, bytes);
        let test = TestApp::start_on(broker.clone(), app).await;
        (0..50).for_each(|cents| produce(&broker, 10 + cents % 10));

        tokio::time::sleep(1000 * MS).await;

        assert_eq!(
            broker.faults().fired().deliveries_held,
            expected,
            "{replies} replies, {bytes} bytes"
        );
        while broker.lag("billing", "orders") > 0 {
            broker.faults().release_deliveries();
            broker.faults().hold_deliveries();
            tokio::time::sleep(100 * MS).await;
        }
        assert_eq!(test.published::<Invoice>("invoices").len(), 50);
        broker.faults().release_deliveries();
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_producer_is_waited_for_and_nothing_is_lost_or_doubled() {
    let broker = Memory::new();
    broker.faults().hold_deliveries();
    broker.faults().limit_room(Some(3));
    let app = Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"));
    let test = TestApp::start_on(broker.clone(), app).await;
    (0..20).for_each(|cents| produce(&broker, cents));

    while broker.lag("billing", "orders") > 0 {
        tokio::time::sleep(100 * MS).await;
        broker.faults().release_deliveries();
        broker.faults().hold_deliveries();
    }

    assert!(broker.faults().fired().producers_full > 3);
    let billed: Vec<_> =
        test.published::<Invoice>("invoices").iter().map(|invoice| invoice.order).collect();
    assert_eq!(billed, (0..20).collect::<Vec<_>>());
    broker.faults().release_deliveries();
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_the_broker_refuses_is_a_failure_that_is_not_retried() {
    async fn grow(Json(order): Json<Order>, State(calls): State<Arc<AtomicU32>>) -> String {
        calls.fetch_add(1, SeqCst);
        "x".repeat(order.cents.unsigned_abs() as usize)
    }
    let calls = Arc::new(AtomicU32::new(0));
    let broker = Memory::new();
    broker.faults().limit_record_bytes(Some(600));
    let subscriber = each(grow).publish_to("large").retry(Retry::fixed(5, MS)).dead_letter("dead");
    let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
    let test = TestApp::start_on(broker.clone(), app).await;

    test.publish("orders", vec![order(1), order(1000), order(2)]).await;

    assert_eq!(broker.faults().fired().records_too_large, 1);
    assert_eq!(calls.load(SeqCst), 3);
    assert_eq!(test.records("large").len(), 2);
    assert_eq!(test.published::<Order>("dead"), [Order { id: 1000, cents: 1000 }]);
    assert_eq!(test.committed("g", "orders"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_reply_to_a_topic_that_does_not_exist_stops_the_service_and_nothing_is_lost() {
    let broker = Memory::new().without_auto_create();
    broker.create_topic("orders", 1);
    let app = Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"));
    let test = TestApp::start_on(broker.clone(), app).await;

    test.try_publish("orders", order(1)).await.unwrap_err();

    let error = test.stop().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Record);
    assert!(
        error.to_string().starts_with("could not process record orders/0/0 in 1 call: "),
        "{error}"
    );
    assert!(error.to_string().contains("`invoices`"), "{error}");
    assert_eq!(broker.committed("billing", "orders", 0), None);
}

#[tokio::test(start_paused = true)]
async fn a_handler_returns_none_one_or_many_and_tombstones() {
    async fn fan_out(
        Json(order): Json<Order>,
    ) -> anyhow::Result<Option<Vec<(String, Json<Order>)>>> {
        let copy = |i| (format!("{}-{i}", order.id), Json(order.clone()));
        Ok((order.cents > 0).then(|| (0..order.cents).map(copy).collect()))
    }
    async fn delete(text: String) -> (String, Tombstone) {
        (text, Tombstone)
    }
    let app = Router::new("g")
        .subscribe("orders", each(fan_out).publish_to("copies"))
        .subscribe("gone", each(delete).publish_to("table"));
    let test = TestApp::start(app).await;

    test.publish("orders", vec![order(0), order(1), order(3)]).await;
    test.publish("gone", "ada").await;

    let keys: Vec<_> = test
        .records("copies")
        .iter()
        .map(|copy| String::from_utf8(copy.key().unwrap().to_vec()).unwrap())
        .collect();
    assert_eq!(keys, ["1-0", "3-0", "3-1", "3-2"]);
    let table = test.records("table");
    assert_eq!((table[0].key(), table[0].value()), (Some(&b"ada"[..]), None));
}

#[tokio::test(start_paused = true)]
async fn a_reply_goes_where_its_key_leads() {
    async fn copy(Json(order): Json<Order>) -> (String, Json<Order>) {
        (format!("customer {}", order.id), Json(order))
    }
    let broker = Memory::new();
    broker.create_topic("copies", 7);
    let test = TestApp::start_on(
        broker,
        Router::new("g").subscribe("orders", each(copy).publish_to("copies")),
    )
    .await;

    test.publish("orders", (0..50).map(order).collect::<Vec<_>>()).await;

    let copies = test.records("copies");
    assert_eq!(copies.len(), 50);
    for copy in copies {
        assert_eq!(copy.partition(), milena::transport::partition_for(copy.key().unwrap(), 7));
    }
}

#[tokio::test(start_paused = true)]
async fn a_publication_that_fails_is_an_error_for_its_handler() {
    async fn publish(publisher: Publisher) -> Result<(), milena::Error> {
        publisher.publish("nowhere", "x").await
    }
    let broker = Memory::new();
    broker.faults().refuse_writes("nowhere", ErrorKind::Unauthorized);
    let test = TestApp::start_on(
        broker,
        Router::new("g").subscribe("t", each(publish).dead_letter("dead")),
    )
    .await;

    test.publish("t", "x").await;

    let dead = test.records("dead");
    let error =
        String::from_utf8(dead[0].headers().get("milena-dead-letter-error").unwrap().to_vec())
            .unwrap();
    assert!(error.contains("`nowhere`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_returns_is_published_to_each_topic_that_is_named() {
    let audit = publish("audit").key("billing").partition(0).header("source", "billing");
    let both = each(bill).publish_to("invoices").publish_to(audit);
    let app: Router = Router::new("billing").subscribe("orders", both);
    let topics: Vec<_> = {
        let described = app.operations().next().unwrap();
        let replies = &described.operation.replies;
        assert!(replies.iter().all(|reply| reply.value == replies[0].value));
        replies.iter().map(|reply| reply.topic.to_string()).collect()
    };
    let test = TestApp::start(app).await;

    test.publish("orders", order(7)).await;

    assert_eq!(topics, ["invoices", "audit"]);
    let ([invoice], [audited]) = (&test.records("invoices")[..], &test.records("audit")[..]) else {
        panic!("there is one in each")
    };
    assert_eq!(invoice.value(), audited.value());
    assert_eq!((invoice.key(), audited.key()), (None, Some(&b"billing"[..])));
    assert_eq!(audited.headers().get("source"), Some(&b"billing"[..]));
    assert_eq!(test.committed("billing", "orders"), 1);
}
