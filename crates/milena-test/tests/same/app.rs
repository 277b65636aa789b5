use crate::{Invoice, Order, bill, order};
use milena::{
    App, Json, Publisher, Router, each,
    error::ErrorKind,
    extract::Extension,
    publish,
    serve::{Running, Shutdown},
};
use milena_memory::Memory;
use milena_test::TestApp;
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<&'static str>>>);

impl Journal {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    fn all(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

fn billing() -> Router {
    Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"))
}

/// The app as it runs in production: its clusters are those of a test, though.
fn app() -> App {
    App::new("Billing", "1.4.0").cluster("eu", Memory::new())
}

#[tokio::test(start_paused = true)]
async fn lifespan_and_background_tasks_of_an_app_run() {
    async fn greet(Extension(greeting): Extension<&'static str>) -> &'static str {
        greeting
    }
    let journal = Journal::default();
    let (around, beside) = (journal.clone(), journal.clone());
    let app = app()
        .router(Router::new("greeter").subscribe("names", each(greet).publish_to("greetings")))
        .lifespan(async move |running: Running| {
            running.provide("hello");
            around.note("set up");
            running.until_end().await;
            around.note("torn down");
            Ok::<(), io::Error>(())
        })
        .background("beside", async move |shutdown: Shutdown| {
            beside.note("beside");
            shutdown.begun().await;
        });
    let test = TestApp::start(app).await;

    test.publish("names", "ada").await;

    assert_eq!(test.extracted::<String>("greetings"), ["hello"]);
    assert_eq!(test.calls(greet).count(), 1);
    test.stop().await.unwrap();
    assert_eq!(journal.all(), ["set up", "beside", "torn down"]);
}

#[tokio::test(start_paused = true)]
async fn when_the_start_of_an_app_returns_it_is_set_up_and_its_publishers_work() {
    let journal = Journal::default();
    let around = journal.clone();
    let mut app = app().lifespan(async move |running: Running| {
        tokio::time::sleep(Duration::from_millis(50)).await;
        around.note("set up");
        running.until_end().await;
        Ok::<(), io::Error>(())
    });
    let names: Publisher<()> = app.publisher(publish("names"));
    let test = TestApp::start(app).await;

    names.send("ada").await.unwrap();

    assert_eq!(journal.all(), ["set up"]);
    assert_eq!(test.extracted::<String>("names"), ["ada"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_cluster_of_an_app_is_one_of_the_tests_own() {
    async fn note(_: Json<Order>) {}
    let app = App::new("Billing", "1.4.0")
        .cluster("eu", Memory::new())
        .cluster("us", Memory::new())
        .router(billing())
        .router_on("us", Router::new("billing").subscribe("orders", each(note)));
    let test = TestApp::start(app).await;
    let us = test.cluster("us");

    test.publish("orders", order(1)).await;
    us.publish("orders", order(2)).await;

    assert_eq!(test.published::<Order>("orders"), [Order { id: 1 }]);
    assert_eq!(test.cluster("eu").published::<Invoice>("invoices"), [Invoice { order: 1 }]);
    assert_eq!(us.published::<Order>("orders"), [Order { id: 2 }]);
    assert!(us.records("invoices").is_empty());
    assert_eq!((us.committed("billing", "orders"), us.lag("billing", "orders")), (1, 0));
    test.calls(bill).assert_called_once_with(order(1));
    test.calls(note).assert_called_once_with(order(2));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mock_stands_in_for_a_handler_of_an_app() {
    let test = TestApp::builder(app().router(billing()))
        .mock(bill, |_: Json<Order>| Json(Invoice { order: 0 }))
        .start()
        .await;

    test.publish("orders", order(7)).await;

    assert_eq!(test.published::<Invoice>("invoices"), [Invoice { order: 0 }]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_background_task_that_fails_surfaces() {
    let app = app()
        .router(billing())
        .background("beside", async |_: Shutdown| Err::<(), _>(io::Error::other("out of cheese")));
    let test = TestApp::start(app).await;

    let error = test.failure().await;

    assert_eq!(error.kind(), ErrorKind::Background);
    assert!(error.to_string().contains("background task `beside`: out of cheese"), "{error}");
}
