use crate::{Invoice, Order, asserts::panicked, bill, order};
use milena::{
    App, Json, Key, Publisher, Retry, Router, State, each,
    error::{BoxError, Error},
    publish,
    record::ProducerRecord,
    serve::Shutdown,
};
use milena_memory::Memory;
use milena_test::TestApp;
use std::time::Duration;

type To = Publisher<Json<Invoice>>;

fn invoice(order: u64) -> Json<Invoice> {
    Json(Invoice { order })
}

#[tokio::test(start_paused = true)]
async fn two_publishers_of_one_topic_are_told_apart() {
    async fn split(
        Json(order): Json<Order>,
        State((even, odd)): State<(To, To)>,
        anybody: Publisher,
    ) -> Result<Json<Invoice>, Error> {
        let to = if order.id % 2 == 0 { even } else { odd };
        to.send(("ada", invoice(order.id))).await?;
        anybody.publish("invoices", invoice(100)).await?;
        Ok(invoice(200))
    }
    let router = Router::new("g").subscribe("orders", each(split).publish_to("invoices"));
    let mut router = router.prefix("eu.");
    let even: To = router.publisher(publish("invoices").schema());
    let odd: To = router.publisher(publish("invoices").schema());
    let test = TestApp::start(router.with_state((even.clone(), odd.clone()))).await;

    test.publish("eu.orders", vec![order(1), order(2), order(3)]).await;

    test.sends(&even).assert_called_once_with((Key("ada".to_owned()), invoice(2)));
    assert_eq!(test.sends(&odd).arguments::<Json<Invoice>>(), [invoice(1), invoice(3)]);
    assert!(test.sends(&odd.clone()).was_called_with(invoice(3)));
    assert!(!test.sends(&odd).was_called_with(invoice(2)));
    // What is in the topic of both is also what handlers return, and what anybody publishes.
    let records = test.published_by(&odd);
    let sent = test.sends(&even).records().remove(0);
    let there = records.iter().find(|record| record.offset() == sent.offset()).unwrap();
    assert_eq!((records.len(), there.value()), (6, sent.value()));
    assert_eq!((there.topic(), there.headers()), ("eu.invoices", sent.headers()));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_attempt_of_a_handler_sends_again() {
    async fn send(Json(order): Json<Order>, State(to): State<To>) -> Result<(), Error> {
        to.send_all([invoice(order.id), invoice(order.id + 1)]).await?;
        to.delete("ada").await?;
        Err(Error::new(milena::error::ErrorKind::Record, "once more"))
    }
    let retry = Retry::fixed(3, Duration::from_millis(10));
    let mut router = Router::new("g").subscribe("orders", each(send).retry(retry).skip_failures());
    let to: To = router.publisher(publish("invoices").schema());
    let test = TestApp::start(router.with_state(to.clone())).await;

    test.publish("orders", order(1)).await;

    let attempts = test.calls(send).count();
    let sends = test.sends(&to);
    assert_eq!((attempts, sends.count(), sends.outcomes().len()), (3, 9, 9));
    let one: Vec<Option<Json<Invoice>>> = vec![Some(invoice(1)), Some(invoice(2)), None];
    assert_eq!(
        sends.arguments::<Option<Json<Invoice>>>(),
        [one.clone(), one.clone(), one].concat()
    );
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_is_recorded_as_it_was_before_layers_and_so_is_what_they_refuse() {
    fn stamp(record: ProducerRecord) -> Result<ProducerRecord, BoxError> {
        match record.key.as_deref() {
            Some(b"bad") => Err("no ink".into()),
            _ => Ok(record.key("stamped")),
        }
    }
    let mut router = Router::new("g").publish_layer(stamp);
    let to: To = router.publisher(publish("invoices").schema());
    let test = TestApp::start(router).await;

    to.send(("good", invoice(1))).await.unwrap();
    to.send(("bad", invoice(2))).await.unwrap_err();

    let sends = test.sends(&to);
    let keys = ["good", "bad"].map(|key| Key(key.to_owned()));
    assert_eq!(sends.arguments::<Key<String>>(), keys);
    assert_eq!(test.extracted::<Key<String>>("invoices"), [Key("stamped".to_owned())]);
    assert_eq!(sends.errors().len(), 1);
    assert!(sends.errors()[0].contains("a publish layer kept it"), "{sends:?}");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_background_task_sends_is_waited_for_and_a_wait_in_vain_tells_what_was_sent() {
    let mut app = App::new("Billing", "1.4.0").cluster("eu", Memory::new());
    let to: To = app.publisher(publish("invoices").schema());
    let beside = to.clone();
    let app =
        app.background("beside", async move |_: Shutdown| beside.send(invoice(1)).await.map(drop));
    let test = TestApp::builder(app).patience(Duration::from_secs(5)).start().await;

    let sends = test.sends(&to);
    sends.wait_for(1).await;
    sends.wait_for_call_with(invoice(1)).await;
    let vain = panicked(sends.wait_for(2)).await;

    assert!(vain.starts_with("waited 5s in vain until 2 calls have ended"), "{vain}");
    let told = "publisher of `invoices` sent 1 records\n  invoices/0/0: delivered";
    assert!(vain.contains(told), "{vain}");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_question_is_sent_by_its_publisher_and_its_answer_by_nobody() {
    let mut router = Router::new("g").subscribe("orders", each(bill).answer());
    let to = publish("orders").reply_to("answers");
    let orders: Publisher<Json<Order>> = router.publisher(to.schema());
    let answers: To = router.publisher(publish("answers").schema());
    let test = TestApp::builder(router).topic("orders", 1).topic("answers", 1).start().await;

    let answer: Json<Invoice> = orders.request(order(7), Duration::from_secs(20)).await.unwrap();
    test.settle().await;

    assert_eq!(answer, invoice(7));
    test.sends(&orders).assert_called_once_with(order(7));
    test.sends(&answers).assert_not_called();
    test.stop().await.unwrap();
}
