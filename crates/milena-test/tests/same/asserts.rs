use crate::{Order, bill, order};
use futures_util::FutureExt;
use milena::{Json, Router, each};
use milena_test::TestApp;
use std::{panic::AssertUnwindSafe, time::Duration};

fn billing() -> Router {
    Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"))
}

/// What a future panicked with.
pub(crate) async fn panicked(future: impl Future<Output = ()>) -> String {
    let payload = AssertUnwindSafe(future).catch_unwind().await.unwrap_err();
    *payload.downcast::<String>().unwrap()
}

#[tokio::test(start_paused = true)]
async fn calls_are_waited_for() {
    async fn slow(_: Json<Order>) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let app = billing().subscribe("invoices.late", each(slow));
    let test = TestApp::start(app).await;

    let published = test.publish("invoices.late", order(1));
    let (calls, ()) = (test.calls(slow), published.await);
    calls.wait_for(1).await;
    calls.wait_for_call_with(order(1)).await;

    test.eventually("nothing is left", |test| test.lag("billing", "invoices.late") == 0).await;
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_in_vain_tells_what_did_happen() {
    let test = TestApp::builder(billing()).patience(Duration::from_millis(300)).start().await;
    test.publish("orders", order(1)).await;

    let calls = panicked(test.calls(bill).wait_for(2)).await;
    let with = panicked(test.calls(bill).wait_for_call_with(order(2))).await;
    let what = "there are two invoices";
    let story = panicked(test.eventually(what, |test| test.records("invoices").len() == 2)).await;

    assert!(calls.starts_with("waited 300ms in vain until 2 calls have ended"), "{calls}");
    assert!(calls.contains("was called 1 times\n  orders/0/0: done, 1 published"), "{calls}");
    assert!(with.contains("until there is a call with Json(Order { id: 2 })"), "{with}");
    assert!(story.contains("until there are two invoices\nthe service runs"), "{story}");
    assert!(story.contains("topic `invoices` ends at 1"), "{story}");
    assert!(story.contains("::bill` with orders/0/0: done, 1 published"), "{story}");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_assert_that_fails_tells_the_calls_there_were() {
    let test = TestApp::start(billing()).await;
    test.publish("orders", order(1)).await;
    let calls = test.calls(bill);

    let with = panicked(async { calls.assert_called_once_with(order(2)) }).await;
    let none = panicked(async { calls.assert_not_called() }).await;

    assert!(with.contains("expected a call with Json(Order { id: 2 })"), "{with}");
    assert!(with.contains("those were with [Json(Order { id: 1 })]"), "{with}");
    assert!(none.contains("expected no call"), "{none}");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "no subscription has the handler `")]
async fn the_calls_of_an_unknown_handler_are_refused_by_name() {
    async fn nobody() {}
    let test = TestApp::start(billing()).await;

    let _ = test.calls(nobody);
}
