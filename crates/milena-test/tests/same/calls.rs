use crate::{Order, bill, order};
use milena::{Json, Key, Router, each};
use milena_test::TestApp;

#[tokio::test(start_paused = true)]
async fn a_handler_is_recorded_with_its_arguments() {
    let app = Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"));
    let test = TestApp::start(app).await;
    test.calls(bill).assert_not_called();

    test.publish("orders", ("ada", order(7))).await;

    let calls = test.calls(bill);
    assert_eq!((calls.count(), calls.was_called()), (1, true));
    assert!(calls.was_called_with(order(7)));
    assert!(!calls.was_called_with(order(8)));
    calls.assert_called_once_with((Key("ada".to_owned()), order(7)));
    assert_eq!(calls.records()[0].offset(), 0);
    assert_eq!(calls.outcomes()[0].as_ref().unwrap().records.len(), 1);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_does_to_its_argument_is_not_seen() {
    async fn forget(Json(mut order): Json<Order>) {
        order.id = 0;
        assert_eq!(order.id, 0);
    }
    let test = TestApp::start(Router::new("g").subscribe("orders", each(forget))).await;

    test.publish("orders", order(7)).await;

    test.calls(forget).assert_called_once_with(order(7));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn handlers_are_told_apart() {
    async fn ship(_: Json<Order>) {}
    let app = Router::new("g")
        .subscribe("orders", each(bill).publish_to("invoices"))
        .subscribe("parcels", each(ship));
    let test = TestApp::start(app).await;

    test.publish("parcels", order(1)).await;

    test.calls(ship).assert_called_once_with(order(1));
    test.calls(bill).assert_not_called();
    test.stop().await.unwrap();
}
