use crate::{Invoice, bill, order};
use futures_util::future::join_all;
use milena::{Router, each};
use milena_test::TestApp;
use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
};

fn billing() -> Router {
    Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"))
}

#[tokio::test(start_paused = true)]
async fn many_apps_with_the_same_names_run_side_by_side() {
    let one = async |n: u64| {
        let test = TestApp::start(billing()).await;
        for id in 0..3 {
            test.publish("orders", order(10 * n + id)).await;
        }
        let expected = [0, 1, 2].map(|id| Invoice { order: 10 * n + id });
        assert_eq!(test.published::<Invoice>("invoices"), expected);
        assert_eq!(test.committed("billing", "orders"), 3);
        assert_eq!(test.calls(bill).count(), 3);
        test.stop().await.unwrap();
    };

    join_all((0..8).map(one)).await;
}

#[tokio::test(start_paused = true)]
async fn a_test_may_start_an_app_again_and_again() {
    for _ in 0..3 {
        let test = TestApp::start(billing()).await;
        test.publish("orders", order(1)).await;
        assert_eq!(test.published::<Invoice>("invoices").len(), 1);
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_dropped_in_the_middle_disturbs_no_other() {
    async fn hang() {
        pending::<()>().await;
    }
    let app = Router::new("billing").subscribe("orders", each(hang));
    let left = TestApp::start(app).await;
    let calls = left.calls(hang);
    let publishing = Box::pin(left.publish("orders", order(1)));
    let waited = futures_util::future::select(publishing, Box::pin(calls.wait_for_begun(1))).await;
    drop(waited);
    assert_eq!(calls.count(), 1);
    drop(left);

    let test = TestApp::start(billing()).await;
    test.publish("orders", order(2)).await;

    assert_eq!(test.published::<Invoice>("invoices"), [Invoice { order: 2 }]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_the_embedded_broker_can_be_reached_into() {
    let test = TestApp::start(billing()).await;
    let real = std::env::var("MILENA_TEST_BROKER").is_ok_and(|it| it.starts_with("kafka://"));

    let reached = catch_unwind(AssertUnwindSafe(|| test.broker().clone()));

    match reached {
        Ok(_) => assert!(!real, "it was reached into"),
        Err(panicked) => {
            assert!(real, "it was not reached");
            let text = panicked.downcast::<String>().unwrap();
            assert!(text.contains("only the embedded broker can be reached into"), "{text}");
        }
    }
    test.stop().await.unwrap();
}
