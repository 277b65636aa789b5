use crate::{Invoice, Order, bill, order};
use milena::{Batch, Json, Publisher, Router, batch, each, error::ErrorKind, publish};
use milena_test::{Builder, TestApp, When};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(20);

/// A service that asks itself, and who asks it.
fn asking(mut router: Router) -> (Builder, Publisher<Json<Order>>) {
    let to = publish("orders").reply_to("answers").reply_errors();
    let orders = router.publisher(to.schema());
    (TestApp::builder(router).topic("orders", 1).topic("answers", 1), orders)
}

#[tokio::test(start_paused = true)]
async fn a_mock_answers_who_asks_and_passes_the_correlation_id_on() {
    let app = Router::new("g").subscribe("orders", each(bill).publish_to("invoices"));
    let (test, orders) = asking(app);
    let test = test.mock(bill, |_: Json<Order>| Json(Invoice { order: 1007 })).start().await;

    let answer: Json<Invoice> = orders.request(order(7), WITHIN).await.unwrap();
    test.settle().await;

    assert_eq!(answer, Json(Invoice { order: 1007 }));
    assert_eq!(test.published::<Invoice>("invoices"), [Invoice { order: 1007 }]);
    let id = |topic| test.records(topic)[0].header("correlation_id").unwrap();
    assert_eq!(id("invoices"), id("orders"));
    assert_eq!(id("answers"), id("orders"));
    test.calls(bill).assert_called_once_with(order(7));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mock_that_returns_nothing_answers_with_null() {
    async fn note(_: Json<Order>) {}
    let (test, orders) = asking(Router::new("g").subscribe("orders", each(note)));
    let test = test.mock(note, |_: Json<Order>| ()).start().await;

    let answer: Option<String> = orders.request(order(7), WITHIN).await.unwrap();

    assert_eq!(answer, None);
    test.settle().await;
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mock_answers_nobody_where_its_handler_does_not() {
    async fn silent(_: Json<Order>) -> &'static str {
        "nothing"
    }
    async fn count(_: Batch<Json<Order>>) -> &'static str {
        "several"
    }
    let app = Router::new("g")
        .subscribe("orders", each(silent).publish_to("said").no_reply())
        .subscribe("more", batch(count).publish_to("counted"));
    let mock = TestApp::builder(app).mock(silent, |_: Json<Order>| "mocked");
    let test = mock.mock_batch(count, |_: Batch<Json<Order>>| "mocked").start().await;

    for topic in ["orders", "more"] {
        test.publish(publish(topic).reply_to("answers"), order(7)).await;
    }

    assert_eq!(test.extracted::<String>("said"), ["mocked"]);
    assert_eq!(test.extracted::<String>("counted"), ["mocked"]);
    assert!(test.records("answers").is_empty());
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_told_of_an_injected_failure() {
    let app = Router::new("g").subscribe("orders", each(bill).answer().skip_failures());
    let (test, orders) = asking(app);
    let test = test.fail(bill, When::times(1), || "the database is away").start().await;

    let error = orders.request::<Json<Invoice>>(order(7), WITHIN).await.unwrap_err();
    let answer = orders.request::<Json<Invoice>>(order(8), WITHIN).await.unwrap();

    assert_eq!(error.kind(), ErrorKind::Answer);
    assert!(error.to_string().contains("the database is away"), "{error}");
    assert_eq!(answer, Json(Invoice { order: 8 }));
    test.settle().await;
    assert_eq!(test.errors(bill), ["the database is away"]);
    test.stop().await.unwrap();
}
