use crate::{Invoice, Order, bill, order};
use milena::{
    Batch, Json, Key, Publisher, Router, State, batch, each, publish,
    router::{Partitions, Topics},
};
use milena_core::{
    extract::{Metadata, Path},
    record::Timestamp,
    reply::Partition,
};
use milena_test::TestApp;

fn billing() -> Router {
    Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"))
}

#[tokio::test(start_paused = true)]
async fn a_typed_order_becomes_a_typed_invoice() {
    let test = TestApp::start(billing()).await;

    test.publish("orders", order(7)).await;
    test.publish("orders", vec![order(8), order(9)]).await;

    let invoices = [7, 8, 9].map(|order| Invoice { order });
    assert_eq!(test.published::<Invoice>("invoices"), invoices);
    assert_eq!(test.extracted::<Json<Invoice>>("invoices"), invoices.map(Json));
    assert_eq!((test.committed("billing", "orders"), test.lag("billing", "orders")), (3, 0));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_record_is_published_with_key_headers_partition_and_timestamp() {
    let app = Router::new("g").subscribe("orders", each(bill).publish_to("invoices"));
    let test = TestApp::builder(app).topic("orders", 3).start().await;

    let to = publish("orders").header("source", "shop").timestamp(1_700_000_000_000);
    test.publish(to, ("ada", Partition(2), order(1))).await;

    let records = test.records("orders");
    assert_eq!((records.len(), records[0].partition(), records[0].offset()), (1, 2, 0));
    assert_eq!(records[0].key(), Some(&b"ada"[..]));
    assert_eq!(records[0].headers().get("source"), Some(&b"shop"[..]));
    assert_eq!(records[0].timestamp(), Timestamp::Created(1_700_000_000_000));
    assert_eq!(test.calls(bill).records()[0].partition(), 2);
    assert_eq!(test.calls(bill).arguments::<Key<String>>(), [Key("ada".to_owned())]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_a_record_over_several_topics_is_waited_for() {
    async fn pay(Json(invoice): Json<Invoice>) -> Json<Order> {
        Json(Order { id: invoice.order + 1 })
    }
    let app = billing().subscribe("invoices", each(pay).publish_to("payments"));
    let test = TestApp::start(app).await;

    test.publish("orders", order(1)).await;

    assert_eq!(test.published::<Order>("payments"), [Order { id: 2 }]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_record_is_a_batch_of_one_and_several_are_a_batch() {
    async fn count(Batch(orders): Batch<Json<Order>>) {
        assert!(!orders.is_empty());
    }
    let subscriber = batch(count).max_wait(std::time::Duration::from_secs(1));
    let test = TestApp::start(Router::new("g").subscribe("orders", subscriber)).await;

    test.publish("orders", order(1)).await;
    assert_eq!(test.calls(count).batch_arguments::<Json<Order>>(), [vec![order(1)]]);
    test.publish("orders", vec![order(2), order(3)]).await;

    assert_eq!(test.calls(count).arguments::<Json<Order>>(), [order(1), order(2), order(3)]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn certain_partitions_get_their_records_and_a_topic_gets_all() {
    async fn first(_: Metadata) {}
    async fn all(_: Metadata) {}
    let app = Router::new("first")
        .subscribe(Partitions::of("orders", [0]), each(first))
        .merge(Router::new("all").subscribe("orders", each(all)));
    let test = TestApp::builder(app).topic("orders", 2).start().await;

    test.publish("orders", (Partition(0), order(1))).await;
    test.publish("orders", (Partition(1), order(2))).await;

    assert_eq!(test.calls(first).arguments::<Json<Order>>(), [order(1)]);
    assert_eq!(test.calls(all).arguments::<Json<Order>>(), [order(1), order(2)]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_of_different_groups_is_called() {
    async fn one(_: Json<Order>) {}
    async fn two(_: Batch<Json<Order>>) {}
    let app = Router::new("one")
        .subscribe("orders", each(one))
        .merge(Router::new("two").subscribe("orders", batch(two)));
    let test = TestApp::start(app).await;

    test.publish("orders", order(1)).await;

    test.calls(one).assert_called_once_with(order(1));
    test.calls(two).assert_called_once_with(order(1));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn patterns_take_topics_by_their_plain_names() {
    async fn keep(Path(level): Path<String>, at: Metadata) -> String {
        format!("{level} of {}", at.topic)
    }
    let logs = Topics::matching(r"logs\.{level}");
    let app = Router::new("logs").subscribe(logs, each(keep).publish_to("kept").dead_letters());
    let test = TestApp::builder(app).topic("logs.info", 1).topic("log", 1).start().await;

    test.publish("logs.info", "x").await;
    test.publish("log", "x").await;

    assert_eq!(test.extracted::<String>("kept"), ["info of logs.info"]);
    assert_eq!(test.calls(keep).arguments::<Path<String>>(), [Path("info".to_owned())]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_router_without_a_group_is_waited_for() {
    async fn note(_: String) {}
    let test = TestApp::start(Router::without_group().subscribe("t", each(note))).await;

    test.publish("t", "a").await;
    test.publish("t", "b").await;

    assert_eq!(test.calls(note).arguments::<String>(), ["a", "b"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_nobody_reads_is_published_to_all_the_same() {
    let test = TestApp::start(billing()).await;

    test.publish("elsewhere", order(1)).await;

    assert_eq!(test.published::<Order>("elsewhere"), [Order { id: 1 }]);
    test.calls(bill).assert_not_called();
    assert_eq!(test.records("nowhere").len(), 0);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn when_the_start_of_a_router_returns_its_publishers_work() {
    for router in [billing(), Router::new("only publishes")] {
        let mut router = router;
        let names: Publisher<()> = router.publisher(publish("names"));
        let test = TestApp::start(router).await;

        names.send("ada").await.unwrap();

        assert_eq!(test.extracted::<String>("names"), ["ada"]);
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_publishers_publish_is_told_of_each() {
    type To = Publisher<Json<Invoice>>;
    async fn split(Json(order): Json<Order>, State((even, odd)): State<(To, To)>) {
        let to = if order.id % 2 == 0 { even } else { odd };
        to.send(Json(Invoice { order: order.id })).await.unwrap();
    }
    let mut router = Router::new("g").prefix("eu.").subscribe("orders", each(split));
    let even: To = router.publisher(publish("even").schema());
    let odd: To = router.publisher(publish("odd").schema());
    let test = TestApp::start(router.with_state((even.clone(), odd.clone()))).await;

    test.publish("eu.orders", vec![order(1), order(2), order(3)]).await;

    assert_eq!(test.published_by(&even).len(), 1);
    assert_eq!(test.published_by(&odd).len(), 2);
    assert_eq!(test.published::<Invoice>("eu.even"), [Invoice { order: 2 }]);
    test.stop().await.unwrap();
}
