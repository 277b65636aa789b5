//! What is added to a group while it runs is within what was there.

use super::{Journal, Running, produce, until};
use milena::{
    App, Memory, Router, each,
    error::ErrorKind,
    record::ProducerRecord,
    router::{Described, handler::Delivery},
};
use milena_test::TestApp;
use std::time::Duration;
use tower::util::MapRequestLayer;

async fn copy(value: String) -> String {
    value
}

fn copying(topic: &str) -> Router {
    Router::new("g").subscribe(topic, each(copy).publish_to("copies"))
}

/// A layer that notes each call of a handler with its topic.
fn noted(
    journal: &Journal,
    layer: &'static str,
    described: &Described<'_>,
) -> MapRequestLayer<impl Fn(Delivery) -> Delivery + Clone + use<>> {
    let (journal, topic) = (journal.clone(), described.topics.names()[0].clone());
    MapRequestLayer::new(move |delivery| {
        journal.note(format!("{layer} around {topic}"));
        delivery
    })
}

#[tokio::test(start_paused = true)]
async fn it_has_the_layers_of_the_app_around_its_own() {
    let (eu, journal) = (Memory::new(), Journal::default());
    let (outer, inner) = (journal.clone(), journal.clone());
    let app = App::new("Copies", "1.0.0")
        .cluster("eu", eu.clone())
        .router(copying("t"))
        .layer_with(move |it| noted(&outer, "app", it))
        .publish_layer(|record: ProducerRecord| Ok(record.header("sent-by", "copies")));
    let control = app.control("g");
    let running = Running::start(app);

    let late = copying("late").layer_with(move |it| noted(&inner, "router", it));
    control.add(late).await.unwrap();
    produce(&eu, "late", &["a"]);
    until(&eu, || eu.committed("g", "late", 0) == Some(1)).await;

    assert_eq!(journal.all(), ["app around late", "router around late"]);
    let [copy] = &eu.records("copies")[..] else { panic!("there is one copy") };
    assert_eq!(copy.header("sent-by"), Some("copies".into()));
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_has_what_is_said_of_the_router_that_is_served_where_it_says_nothing_itself() {
    async fn fail(_: String) -> anyhow::Result<()> {
        anyhow::bail!("it fails")
    }
    let served = copying("t").prefix("eu.").skip_failures();
    let test = TestApp::start(served).await;
    let late = Router::new("g")
        .nest("late.", Router::new("g").subscribe("skips", each(fail)))
        .subscribe("dies", each(fail).dead_letters());

    test.control("g").add(late).await.unwrap();
    for topic in ["eu.late.skips", "eu.dies"] {
        test.broker().produce(ProducerRecord::new(topic).value("x")).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(3)).await;

    assert_eq!(test.committed("g", "eu.late.skips"), 1);
    assert_eq!(test.records("eu.dies.dead").len(), 1);
    let beyond = Router::new("g").subscribe("a".repeat(248), each(fail));
    let error = test.control("g").add(beyond).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    test.stop().await.unwrap();
}
