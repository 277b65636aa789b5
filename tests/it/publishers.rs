//! Publishers that are declared at assembly.

use crate::{billing::Invoice, logs::Logs};
use milena::{
    App, Json, Publisher, Router, State, each,
    error::ErrorKind,
    publish,
    record::{Headers, ProducerRecord, Timestamp, names},
};
use milena_memory::Memory;
use milena_test::{Builder, TestApp};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// A service whose publishers work.
pub(crate) async fn started_on(broker: &Memory, app: impl Into<Builder>) -> TestApp {
    let test = TestApp::start_on(broker.clone(), app).await;
    tokio::time::sleep(MS).await;
    test
}

fn invoice(order: u64) -> Json<Invoice> {
    Json(Invoice { order, cents: 1 })
}

#[tokio::test(start_paused = true)]
async fn a_publisher_works_in_handlers_and_outside_for_as_long_as_its_service_runs() {
    async fn correct(word: String, State(invoices): State<Publisher<Json<Invoice>>>) {
        invoices.send((word, invoice(1))).await.unwrap();
    }
    let broker = Memory::new();
    broker.produce(ProducerRecord::new("in").value("before the start")).unwrap();
    let mut router = Router::new("g").subscribe("in", each(correct));
    let invoices = router.publisher::<Json<Invoice>>(publish("invoices").key("k").schema());
    let before = invoices.send(invoice(0)).await.unwrap_err();

    let test = TestApp::start_on(broker, router.with_state(invoices.clone())).await;
    test.settle().await;
    let sent = invoices.send(invoice(2)).await.unwrap();
    test.stop().await.unwrap();
    let after = invoices.send(invoice(3)).await.unwrap_err();

    assert_eq!(sent.offset, 1, "the first record found the publisher ready");
    for (error, says) in [(before, "has not started"), (after, "has ended")] {
        assert_eq!(error.kind(), ErrorKind::NotRunning);
        let message = format!("could not publish to topic `invoices`: the service {says}");
        assert_eq!(error.to_string(), message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_dropped_has_ended_to_its_publishers() {
    let mut router = Router::new("g").subscribe("in", each(async || ()));
    let publisher = router.publisher(publish("out"));
    let service = milena::serve(Memory::new(), router).into_future();

    tokio::time::timeout(100 * MS, service).await.unwrap_err();

    let error = publisher.send("x").await.unwrap_err();
    assert_eq!(error.to_string(), "could not publish to topic `out`: the service has ended");
}

#[tokio::test(start_paused = true)]
async fn prefixes_of_routers_stand_before_the_topics_of_their_publishers() {
    let mut inner = Router::new("g").subscribe("in", each(async || ()));
    let publisher = inner.publisher(publish("out").reply_to("answers"));
    let app = Router::new("g").prefix("eu.").nest("test.", inner);
    let test = started_on(&Memory::new(), app).await;

    publisher.send("x").await.unwrap();

    let [record] = &test.records("eu.test.out")[..] else { panic!("one was sent") };
    assert_eq!(record.headers().get(names::REPLY_TO), Some(&b"eu.test.answers"[..]));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_item_of_a_batch_has_its_own_parts() {
    let mut router = Router::new("g").subscribe("in", each(async || ()));
    let invoices = router.publisher::<Json<Invoice>>(publish("invoices").key("k").schema());
    let test = started_on(&Memory::new(), router).await;
    let item = |key: Option<&'static str>, note, time, order| {
        (key, Headers::new().with("note", note), Timestamp::Created(time), invoice(order))
    };

    invoices
        .send_all([item(None, "a", 1, 1), item(Some("own"), "b", 2, 2), item(Some(""), "c", 3, 3)])
        .await
        .unwrap();

    let records = test.records("invoices");
    let keys: Vec<_> = records.iter().map(|it| it.key().unwrap()).collect();
    assert_eq!(keys, [&b"k"[..], b"own", b""]);
    let notes: Vec<_> = records.iter().map(|it| it.headers().get("note").unwrap()[0]).collect();
    assert_eq!(notes, *b"abc");
    assert_eq!(records[2].timestamp(), Timestamp::Created(3));
    assert!(records.iter().all(|it| it.headers().get("content-type") == Some(b"application/json")));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_delivered_at_the_end_is_told_by_topic_and_number() {
    let (logs, broker) = (Logs::default(), Memory::new());
    let _guard = logs.listen();
    let mut router = Router::new("g").subscribe("in", each(async || ()));
    let (audit, mails) = (router.publisher(publish("audit")), router.publisher(publish("mails")));
    let test = started_on(&broker, router).await;
    broker.faults().hold_deliveries();
    let mut on_their_way = Vec::new();
    for _ in 0..3 {
        on_their_way.push(audit.enqueue("x").await);
    }
    on_their_way.push(mails.enqueue("x").await);

    let error = test.stop().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unfinished);
    let says = "3 records to topic `audit` and 1 record to topic `mails`";
    assert!(error.to_string().contains(says), "{error}");
    assert_eq!(logs.lines(says).len(), 1);
    for sent in on_their_way {
        sent.await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn what_arrives_before_the_end_is_delivered() {
    let broker = Memory::new();
    let mut router = Router::new("g").subscribe("in", each(async || ()));
    let audit = router.publisher(publish("audit"));
    let test = started_on(&broker, router).await;

    drop(audit.enqueue("x").await);
    test.stop().await.unwrap();

    assert_eq!(broker.records("audit").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_of_an_app_publishes_to_the_cluster_that_it_names() {
    let (eu, us) = (Memory::new(), Memory::new());
    let mut app = App::new("Billing", "1").cluster("eu", eu.clone()).cluster("us", us.clone());
    let own = app.publisher::<String>(publish("own").schema());
    let far = app.publisher::<String>(publish("far").cluster("us").schema());
    let app = app.background("publish", async move |_| {
        own.send("here".to_owned()).await?;
        far.send("there".to_owned()).await?;
        Ok::<(), milena::Error>(())
    });
    let targets: Vec<_> = app.publishers().map(|it| it.topic().to_string()).collect();

    app.serve().with_shutdown(tokio::time::sleep(100 * MS)).await.unwrap();

    assert_eq!(targets, ["own", "far"]);
    assert_eq!((eu.records("own").len(), us.records("far").len()), (1, 1));
    assert!(eu.records("far").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_publisher_of_a_record_refuses_to_publish_to_another_cluster() {
    async fn forward(publisher: Publisher) -> Result<(), milena::Error> {
        let to = || publish("far").cluster("us");
        let asked = publisher.request::<String>(to().reply_to("answers"), "x", MS).await;
        assert_eq!(asked.unwrap_err().kind(), ErrorKind::Config);
        publisher.publish(to(), "x").await
    }
    let app = Router::new("g").subscribe("in", each(forward).dead_letter("dead"));
    let test = TestApp::start(app).await;

    test.publish("in", "x").await;

    let letter = &test.records("dead")[0];
    let why = letter.header("milena-dead-letter-error").unwrap();
    let message =
        "could not publish to topic `far` on cluster `us`: this publisher has one cluster; ";
    assert!(why.starts_with(message.as_bytes()), "{why:?}");
    assert!(test.records("far").is_empty());
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_router_with_publishers_is_not_added_while_its_group_runs() {
    let test = TestApp::start(Router::new("g").subscribe("in", each(async || ()))).await;
    let mut late = Router::new("g").subscribe("late", each(async || ()));
    let publisher = late.publisher(publish("out"));

    let error = test.control("g").add(late).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Config);
    let message = error.to_string();
    let why = "could not add a router with publishers to group `g` while it runs: the one to `out`, declared at ";
    assert!(message.starts_with(why) && message.contains("publishers.rs:"), "{message}");
    assert_eq!(publisher.send("x").await.unwrap_err().kind(), ErrorKind::NotRunning);
    test.broker().produce(ProducerRecord::new("late").value("x")).unwrap();
    tokio::time::sleep(3000 * MS).await;
    assert_eq!(test.committed("g", "late"), 0, "nothing of it was added");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_publisher_of_an_unknown_cluster_is_an_error_that_says_where_it_was_declared() {
    let mut app = App::new("Billing", "1").cluster("eu", Memory::new());
    let _publisher = app.publisher::<()>(publish("far").cluster("mars"));

    let failure = app.serve().await.unwrap_err();

    assert_eq!((failure.kind(), failure.exit_code()), (ErrorKind::Config, 2));
    let message = "could not publish to topic `far` on cluster `mars`: there is no such cluster";
    assert!(failure.to_string().starts_with(message), "{failure}");
    assert!(failure.to_string().contains("publishers.rs"), "{failure}");
}
