use crate::{Invoice, Order, bill, order};
use milena::{Batch, Json, Key, Outcome, Retry, Router, batch, each, publish};
use milena_test::{TestApp, When};
use std::{io, time::Duration};

fn billing() -> Router {
    Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"))
}

#[tokio::test(start_paused = true)]
async fn a_mock_answers_instead_of_the_handler_and_is_recorded_as_it() {
    let test = TestApp::builder(billing())
        .mock(bill, |(Key(name), Json(order)): (Key<String>, Json<Order>)| {
            assert_eq!(name, "ada");
            (name, Json(Invoice { order: order.id + 1000 }))
        })
        .start()
        .await;

    test.publish("orders", ("ada", order(7))).await;

    assert_eq!(test.published::<Invoice>("invoices"), [Invoice { order: 1007 }]);
    assert_eq!(test.records("invoices")[0].key(), Some(&b"ada"[..]));
    test.calls(bill).assert_called_once_with(order(7));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_mock_answers_goes_to_every_target_as_the_handlers_own_would() {
    let subscriber = each(bill)
        .publish_to(publish("invoices").key("nobody").header("source", "billing"))
        .publish_to("copies");
    let test = TestApp::builder(Router::new("g").subscribe("orders", subscriber))
        .mock(bill, |_: Json<Order>| Json(Invoice { order: 1 }))
        .start()
        .await;

    test.publish("orders", order(7)).await;

    let [invoice, copy] = ["invoices", "copies"].map(|topic| test.records(topic).remove(0));
    assert_eq!((invoice.key(), copy.key()), (Some(&b"nobody"[..]), None));
    assert_eq!(invoice.headers().get("source"), Some(&b"billing"[..]));
    assert_eq!(copy.headers().get("content-type"), Some(&b"application/json"[..]));
    assert_eq!(test.published::<Invoice>("copies"), [Invoice { order: 1 }]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mock_can_decide_fail_and_say_nothing() {
    async fn pay(_: Json<Order>) {}
    let app = Router::new("g").subscribe("orders", each(pay).dead_letters());
    let test = TestApp::builder(app)
        .mock(pay, |Json(order): Json<Order>| match order.id {
            1 => Err(io::Error::other("one")),
            2 => Ok(Outcome::dead_letter("two")),
            _ => Ok(Outcome::done()),
        })
        .start()
        .await;

    test.publish("orders", vec![order(1), order(2), order(3)]).await;

    assert_eq!(test.published::<Order>("orders.dead"), [Order { id: 1 }, Order { id: 2 }]);
    assert_eq!(test.errors(pay), ["one"]);
    assert_eq!(test.calls(pay).count(), 3);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mock_stands_in_for_a_handler_of_batches() {
    async fn sum(Batch(orders): Batch<Json<Order>>) -> String {
        format!("{} orders", orders.len())
    }
    let app = Router::new("g").subscribe("orders", batch(sum).publish_to("sums").dead_letters());
    let test = TestApp::builder(app)
        .mock_batch(sum, |Batch(orders): Batch<Json<Order>>| format!("{} mocked", orders.len()))
        .start()
        .await;

    test.publish("orders", "no order").await;
    test.publish("orders", vec![order(1), order(2)]).await;

    let sums = test.extracted::<String>("sums");
    assert!(sums.iter().all(|sum| sum.ends_with(" mocked")), "{sums:?}");
    assert_eq!(test.calls(sum).arguments::<Json<Order>>(), [order(1), order(2)]);
    assert_eq!(test.extracted::<String>("orders.dead"), ["no order"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_first_calls_can_fail_and_a_retry_mends_it() {
    let subscriber =
        each(bill).publish_to("invoices").retry(Retry::fixed(3, Duration::from_millis(5)));
    let test = TestApp::builder(Router::new("g").subscribe("orders", subscriber))
        .fail(bill, 2, || "the database is away")
        .start()
        .await;

    test.publish("orders", order(7)).await;

    assert_eq!(test.errors(bill), ["the database is away"; 2]);
    assert_eq!(test.calls(bill).count(), 3);
    assert_eq!(test.published::<Invoice>("invoices"), [Invoice { order: 7 }]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn calls_with_certain_records_can_fail() {
    let subscriber = each(bill).publish_to("invoices").dead_letters();
    let test = TestApp::builder(Router::new("g").subscribe("orders", subscriber))
        .fail(bill, When::matching(|record| record.key() == Some(b"ada")), || "ada is gone")
        .start()
        .await;

    test.publish("orders", vec![("ada", order(1)), ("bob", order(2))]).await;

    assert_eq!(test.published::<Order>("orders.dead"), [Order { id: 1 }]);
    assert_eq!(test.published::<Invoice>("invoices"), [Invoice { order: 2 }]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "no subscription has the handler")]
async fn what_stands_in_for_no_handler_is_refused() {
    async fn nobody() {}
    let _test = TestApp::builder(billing()).fail(nobody, When::always(), || "no").start().await;
}
