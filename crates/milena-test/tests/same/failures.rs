use crate::{Order, order};
use milena::{Json, Retry, Router, each, error::ErrorKind};
use milena_test::TestApp;
use std::{io, time::Duration};

async fn refuse(Json(order): Json<Order>) -> io::Result<()> {
    Err(io::Error::other(format!("order {} is bad", order.id)))
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_handler_surfaces_where_its_record_is_published() {
    let test = TestApp::start(Router::new("g").subscribe("orders", each(refuse))).await;

    let error = test.try_publish("orders", order(7)).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Record);
    let expected = "could not process record orders/0/0 in 1 call: order 7 is bad";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert!(error.to_string().contains("failures::refuse"), "{error}");
    assert_eq!(test.errors(refuse), ["order 7 is bad"]);
    assert_eq!(test.stop().await.unwrap_err().kind(), ErrorKind::Record);
}

#[tokio::test(start_paused = true)]
#[should_panic(
    expected = "could not process record orders/0/0 in 1 call: order 7 is bad (handler `"
)]
async fn publishing_panics_when_a_handler_ends_the_service() {
    let test = TestApp::start(Router::new("g").subscribe("orders", each(refuse))).await;

    test.publish("orders", order(7)).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_decoded_surfaces_and_is_no_call() {
    let test = TestApp::start(Router::new("g").subscribe("orders", each(refuse))).await;

    let error = test.try_publish("orders", "no order").await.unwrap_err();

    assert!(error.to_string().contains("could not decode the value"), "{error}");
    test.calls(refuse).assert_not_called();
    let refused = test.calls(refuse).refused();
    assert_eq!(refused[0].0.value(), Some(&b"no order"[..]));
    assert!(refused[0].1.starts_with("could not decode the value"), "{}", refused[0].1);
}

#[tokio::test(start_paused = true)]
async fn errors_that_retries_and_dead_letters_hide_are_told_on_request() {
    let subscriber = each(refuse).retry(Retry::fixed(3, Duration::from_millis(10))).dead_letters();
    let test = TestApp::start(Router::new("g").subscribe("orders", subscriber)).await;

    test.publish("orders", order(7)).await;

    assert_eq!(test.errors(refuse), ["order 7 is bad"; 3]);
    let attempts: Vec<_> = test.calls(refuse).records().iter().map(|it| it.attempt()).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert_eq!(test.published::<Order>("orders.dead"), [Order { id: 7 }]);
    assert_eq!(test.committed("g", "orders"), 1);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_handler_is_told_as_its_error() {
    async fn explode() {
        panic!("it is too late");
    }
    let subscriber = each(explode).skip_failures();
    let test = TestApp::start(Router::new("g").subscribe("orders", subscriber)).await;

    test.publish("orders", order(7)).await;

    assert_eq!(test.errors(explode), ["it panicked: it is too late"]);
    test.stop().await.unwrap();
}
