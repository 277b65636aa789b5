//! Layers around everything that is published.

use milena::{
    App, Batch, Publisher, Retry, Router, batch, each,
    error::{BoxError, Error, ErrorKind},
    publish,
    record::{ProducerRecord, PublishLayer, names},
    transport::Delivered,
};
use milena_memory::Memory;
use milena_test::TestApp;
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

const MS: Duration = Duration::from_millis(1);

/// A layer that leaves its name in the header `through`.
fn through(name: &'static str) -> impl PublishLayer {
    move |record: ProducerRecord| Ok(record.header("through", name))
}

/// The names in the headers of the records of a topic, in order.
fn names_in(test: &TestApp, topic: &str) -> Vec<String> {
    names_of(&test.records(topic))
}

fn names_of(records: &[milena::Record]) -> Vec<String> {
    let names = |record: &milena::Record| {
        let headers = record.headers();
        let names: Vec<_> = headers.get_all("through").flatten().map(<[u8]>::to_vec).collect();
        String::from_utf8(names.join(&b','))
    };
    records.iter().map(|record| names(record).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn all_that_is_published_goes_through_all_layers_outer_first() {
    async fn all(word: String, publisher: Publisher) -> Result<String, Error> {
        publisher.publish("published", "x").await?;
        publisher.send(ProducerRecord::new("sent")).await?;
        publisher.enqueue(ProducerRecord::new("enqueued")).await.await?;
        publisher.send_all(vec![ProducerRecord::new("batch"); 2]).await?;
        let to = publish("asked").reply_to("answers");
        let _ = publisher.request::<String>(to, "x", MS).await;
        Ok(word)
    }
    async fn many(Batch(words): Batch<String>) -> Vec<String> {
        words
    }
    async fn fail() -> Result<(), io::Error> {
        Err(io::Error::other("as it is to"))
    }
    let mut inner = Router::new("g")
        .subscribe("in", each(all).publish_to("replies"))
        .subscribe("in", batch(many).publish_to("of-a-batch"))
        .subscribe("bad", each(fail).dead_letter("dead"))
        .publish_layer(through("inner"));
    let publisher = inner.publisher::<String>(publish("router").schema());
    let layered = Router::new("g").publish_layer(through("outer")).merge(inner);
    let plain = each(async |word: String| word).publish_to("plain").no_reply();
    let app = Router::new("plain").subscribe("in", plain).merge(layered);
    let test = TestApp::start(app).await;

    let question = ProducerRecord::new("in").value("x").header(names::REPLY_TO, "answered");
    test.broker().produce(question).unwrap();
    test.broker().produce(ProducerRecord::new("bad")).unwrap();
    test.settle().await;
    publisher.send("x".to_owned()).await.unwrap();
    publisher.send_all(vec!["x".to_owned(); 2]).await.unwrap();

    for topic in
        ["replies", "published", "sent", "enqueued", "asked", "of-a-batch", "dead", "answered"]
    {
        assert_eq!(names_in(&test, topic), ["outer,inner"], "{topic}");
    }
    assert_eq!(names_in(&test, "batch"), ["outer,inner"; 2]);
    assert_eq!(names_in(&test, "router"), ["outer,inner"; 3]);
    assert_eq!(names_in(&test, "plain"), [""], "it is beside them");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_layers_of_an_app_are_around_its_publishers_and_around_routers_whenever_they_are_added()
{
    let copy =
        || Router::new("g").subscribe("in", each(async |word: String| word).publish_to("out"));
    let mut app = App::new("Copies", "1").cluster("eu", Memory::new()).cluster("us", Memory::new());
    let (own, far) = (app.publisher(publish("own")), app.publisher(publish("far").cluster("us")));
    let app = app
        .router(copy().publish_layer(through("router")))
        .publish_layer(through("inner"))
        .publish_layer(through("outer"))
        .router_on("us", copy());
    let test = TestApp::start(app).await;

    for cluster in ["eu", "us"] {
        test.cluster(cluster).publish("in", "x").await;
    }
    own.send("x").await.unwrap();
    far.send("x").await.unwrap();

    let (eu, us) = (test.cluster("eu"), test.cluster("us"));
    assert_eq!(names_of(&eu.records("out")), ["outer,inner,router"]);
    assert_eq!(names_of(&us.records("out")), ["outer,inner"]);
    assert_eq!(names_of(&eu.records("own")), ["outer,inner"]);
    assert_eq!(names_of(&us.records("far")), ["outer,inner"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_refuses_a_reply_fails_its_record_which_is_not_retried() {
    fn refuse(record: ProducerRecord) -> Result<ProducerRecord, BoxError> {
        match record.topic.starts_with("bad") {
            true => Err("it smells".into()),
            false => Ok(record),
        }
    }
    let subscriber = each(async |word: String| word)
        .publish_to("bad")
        .retry(Retry::fixed(5, MS))
        .dead_letter("dead");
    let mut app = Router::new("g").subscribe("in", subscriber).publish_layer(refuse);
    let publisher = app.publisher(publish("bad-too"));
    let test = TestApp::start(app).await;

    test.publish("in", "x").await;
    let error = publisher.send("x").await.unwrap_err();

    let [letter] = &test.records("dead")[..] else { panic!("one record failed") };
    let why = "could not publish to topic `bad`: a layer refused: it smells";
    let headers = letter.headers();
    assert_eq!(headers.get("milena-dead-letter-error"), Some(why.as_bytes()));
    assert_eq!(headers.get("milena-dead-letter-attempts"), Some(&b"1"[..]));
    assert_eq!(error.kind(), ErrorKind::Publish);
    assert_eq!(
        error.to_string(),
        "could not publish to topic `bad-too`: a layer refused: it smells"
    );
    assert!(test.records("bad").is_empty() && test.records("bad-too").is_empty());
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_refuses_a_dead_letter_holds_its_source_back_and_loses_nothing() {
    let refusals = Arc::new(AtomicUsize::new(0));
    let refused = refusals.clone();
    let refuse = move |record: ProducerRecord| match refused.fetch_add(1, SeqCst) {
        0..3 => Err(BoxError::from("not yet")),
        _ => Ok(record),
    };
    let subscriber = each(async || Err::<(), _>(io::Error::other("x"))).dead_letter("dead");
    let app = Router::new("g").subscribe("in", subscriber).publish_layer(refuse);
    let test = TestApp::start(app).await;
    test.broker().produce(ProducerRecord::new("in").value("x")).unwrap();

    tokio::time::sleep(1000 * MS).await;
    assert!((1..=2).contains(&refusals.load(SeqCst)), "refused, and tried again");
    assert_eq!(test.committed("g", "in"), 0);
    test.settle().await;

    assert_eq!(refusals.load(SeqCst), 4);
    assert_eq!(test.records("dead")[0].value(), Some(&b"x"[..]));
    assert_eq!(test.committed("g", "in"), 1);
    test.stop().await.unwrap();
}

/// Counts the records that it sees, and what comes of them.
#[derive(Clone, Default)]
struct Tally {
    seen: Arc<AtomicUsize>,
    told: Arc<Mutex<Vec<(String, Option<i64>)>>>,
}

impl PublishLayer for Tally {
    fn publish(&self, record: ProducerRecord) -> Result<ProducerRecord, BoxError> {
        self.seen.fetch_add(1, SeqCst);
        Ok(record)
    }

    fn published(&self, record: &ProducerRecord, result: Result<&Delivered, &Error>) {
        let offset = result.ok().map(|delivered| delivered.offset);
        self.told.lock().unwrap().push((record.topic.to_string(), offset));
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_there_is_no_room_for_goes_through_the_layers_once() {
    let (tally, broker) = (Tally::default(), Memory::new());
    broker.faults().hold_deliveries();
    broker.faults().limit_room(Some(2));
    let subscriber = each(async |word: String| word).publish_to("out");
    let mut app = Router::new("g")
        .subscribe("in", subscriber)
        .publish_layer(through("layer"))
        .publish_layer(tally.clone());
    let publisher = app.publisher(publish("out"));
    let test = TestApp::start_on(broker.clone(), app).await;
    for _ in 0..10 {
        broker.produce(ProducerRecord::new("in").value("x")).unwrap();
    }
    let sending = tokio::spawn(async move { publisher.send_all(vec!["x"; 10]).await.unwrap() });

    while broker.lag("g", "in") > 0 || !sending.is_finished() {
        tokio::time::sleep(100 * MS).await;
        broker.faults().release_deliveries();
        broker.faults().hold_deliveries();
    }

    assert!(broker.faults().fired().producers_full > 3);
    assert_eq!(names_in(&test, "out"), ["layer"; 20]);
    assert_eq!(tally.seen.load(SeqCst), 20);
    let mut told = tally.told.lock().unwrap().clone();
    told.sort();
    assert_eq!(told, (0..20).map(|offset| ("out".into(), Some(offset))).collect::<Vec<_>>());
    broker.faults().release_deliveries();
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_is_told_of_what_the_broker_refused() {
    let (tally, broker) = (Tally::default(), Memory::new());
    broker.faults().refuse_writes("out", ErrorKind::Unauthorized);
    let mut app = Router::new("g").subscribe("in", each(async || ())).publish_layer(tally.clone());
    let publisher = app.publisher(publish("out"));
    let test = crate::publishers::started_on(&broker, app).await;

    let error = publisher.send("x").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(*tally.told.lock().unwrap(), [("out".to_owned(), None)]);
    test.stop().await.unwrap();
}
