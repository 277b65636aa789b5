//! Questions and their answers, across services.

use crate::counts::Counts;
use futures_util::future::join_all;
use milena::{
    App, Json, Publisher, Record, Router, each,
    error::ErrorKind,
    publish,
    record::{Headers, ProducerRecord, Publish, names},
    serve::{Ended, Reason},
};
use milena_memory::Memory;
use milena_test::TestApp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{io, time::Duration};

const MS: Duration = Duration::from_millis(1);
const SOON: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
struct Price {
    cents: u32,
}

async fn price(word: String) -> Result<Json<Price>, io::Error> {
    match &*word {
        "unknown" => Err(io::Error::other("no such tea")),
        word => Ok(Json(Price { cents: word.len() as u32 })),
    }
}

fn prices() -> Router {
    Router::new("prices").subscribe("prices", each(price).answer().skip_failures())
}

fn to() -> Publish {
    publish("prices").reply_to("answers")
}

/// A service that asks, and its publisher.
async fn asker(broker: &Memory, to: Publish) -> (TestApp, Publisher<()>) {
    let mut router = Router::new("asker").subscribe("unused", each(async || ()));
    let publisher = router.publisher(to);
    (crate::publishers::started_on(broker, router).await, publisher)
}

/// A broker with services that ask and answer.
async fn both(to: Publish) -> (Memory, [TestApp; 2], Publisher<()>) {
    let broker = Memory::new();
    broker.create_topic("answers", 3);
    let answering = TestApp::start_on(broker.clone(), prices()).await;
    let (asking, publisher) = asker(&broker, to).await;
    (broker, [answering, asking], publisher)
}

#[tokio::test(start_paused = true)]
async fn a_request_gets_its_answer() {
    let (broker, services, publisher) = both(to()).await;

    let answer: Json<Price> = publisher.request("earl grey", SOON).await.unwrap();
    let whole: Record = publisher.request(("key", "mint"), SOON).await.unwrap();

    assert_eq!(answer.0, Price { cents: 9 });
    assert_eq!((whole.topic(), whole.value()), ("answers", Some(&b"{\"cents\":4}"[..])));
    let question = &broker.records("prices")[1];
    assert_eq!(question.key(), Some(&b"key"[..]));
    let header =
        |name| question.headers().get(name).map(|it| String::from_utf8(it.to_vec()).unwrap());
    assert_eq!(header(names::REPLY_TO).as_deref(), Some("answers"));
    assert_eq!(header(names::REPLY_PARTITION), Some(whole.partition().to_string()));
    assert_eq!(header(names::REPLY_ERRORS), None);
    for service in services {
        service.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_has_the_correlation_id_that_is_given_to_it() {
    let (_, _services, publisher) = both(to()).await;
    let headers = Headers::new().with(names::CORRELATION_ID, "mine");

    let answer: Record = publisher.request((headers, "mint"), SOON).await.unwrap();

    assert_eq!(answer.headers().get(names::CORRELATION_ID), Some(&b"mine"[..]));
}

#[tokio::test(start_paused = true)]
async fn thousands_of_requests_are_in_flight_and_each_gets_its_own_answer() {
    let (_, _services, publisher) = both(to()).await;
    let ask = async |number: usize| {
        let answer: Json<Price> = publisher.request("x".repeat(number), SOON).await.unwrap();
        assert_eq!(answer.0.cents, number as u32);
    };

    join_all((0..5000).map(ask)).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_answers_times_out_and_names_topic_and_correlation_id() {
    let broker = Memory::new();
    let (_service, publisher) = asker(&broker, to()).await;
    let headers = Headers::new().with(names::CORRELATION_ID, "mine");

    let error = publisher.request::<String>((headers, "mint"), SOON).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let message =
        "could not get an answer from topic `prices` to correlation id `mine`: none came within 5s";
    assert_eq!(error.to_string(), message);
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_late_or_that_nobody_asked_for_are_dropped_and_counted() {
    let counts = Counts::default();
    let _guard = metrics::set_default_local_recorder(&counts);
    let broker = Memory::new();
    let (_service, publisher) = asker(&broker, to()).await;
    let headers = |id| Headers::new().with(names::CORRELATION_ID, id);
    let late = publisher.request::<String>((headers("late"), "x"), 10 * MS).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    let dropped = publisher.request::<String>((headers("dropped"), "x"), SOON);
    tokio::time::timeout(10 * MS, dropped).await.unwrap_err();
    let answer =
        |id: &str| ProducerRecord::new("answers").value("answer").header(names::CORRELATION_ID, id);

    for id in ["late", "dropped", "stranger"] {
        broker.produce(answer(id)).unwrap();
    }
    broker.produce(ProducerRecord::new("answers").value("without an id")).unwrap();
    tokio::time::sleep(10 * MS).await;

    assert_eq!(counts.get("milena_answers_late_total"), 2);
    assert_eq!(counts.get("milena_answers_unknown_total"), 2);
    let asking = publisher.request::<String>((headers("good"), "x"), SOON);
    let answering = async {
        tokio::time::sleep(10 * MS).await;
        broker.produce(answer("good")).unwrap();
        broker.produce(answer("good")).unwrap();
    };
    assert_eq!(tokio::join!(asking, answering).0.unwrap(), "answer");
    tokio::time::sleep(10 * MS).await;
    assert_eq!(counts.get("milena_answers_unknown_total"), 3, "the second answer");
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_the_handler_is_the_error_of_the_request_when_it_is_asked_for() {
    let (_, _services, publisher) = both(to().reply_errors()).await;

    let error = publisher.request::<String>("unknown", SOON).await.unwrap_err();
    let decoded = publisher.request::<Json<String>>("mint", SOON).await.unwrap_err();
    let fine: Json<Price> = publisher.request("mint", SOON).await.unwrap();

    assert_eq!(error.kind(), ErrorKind::Answer);
    assert_eq!(error.to_string(), "could not get an answer from topic `prices`: no such tea");
    assert_eq!(decoded.kind(), ErrorKind::Answer);
    let message = "could not read the answer from topic `prices`: could not decode the value: ";
    assert!(decoded.to_string().starts_with(message), "{decoded}");
    assert_eq!(fine.0.cents, 4);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_not_asked_for_is_not_answered() {
    let (_, _services, publisher) = both(to()).await;

    let error = publisher.request::<String>("unknown", SOON).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_request_needs_a_reply_topic_that_exists() {
    let broker = Memory::new().without_auto_create();
    broker.create_topic("unused", 1);
    broker.create_topic("prices", 1);
    let (_service, publisher) = asker(&broker, publish("prices")).await;

    let error = publisher.request::<String>("mint", SOON).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), "could not ask topic `prices`: no reply topic is named");
    let headers = Headers::new().with(names::REPLY_TO, "missing");
    let error = publisher.request::<String>((headers, "mint"), SOON).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    assert!(
        error.to_string().starts_with("could not read answers in topic `missing`: "),
        "{error}"
    );
    assert!(broker.records("prices").is_empty(), "nothing was asked");
}

#[tokio::test(start_paused = true)]
async fn the_reply_topic_of_a_service_is_that_of_all_its_requests() {
    let broker = Memory::new();
    broker.create_topic("replies", 2);
    let answering = TestApp::start_on(broker.clone(), prices()).await;
    let mut router = Router::new("asker").subscribe("unused", each(async || ()));
    let publisher = router.publisher::<String>(publish("prices").schema());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = milena::serve(broker.clone(), router).replies("replies");
    let service = tokio::spawn(service.with_shutdown(async { drop(stopped.await) }).into_future());
    tokio::time::sleep(MS).await;

    let answer: Json<Price> = publisher.request("mint".to_owned(), SOON).await.unwrap();

    assert_eq!(answer.0.cents, 4);
    assert_eq!(broker.records("replies").len(), 1);
    drop(stop);
    service.await.unwrap().unwrap();
    let over = publisher.request::<String>("mint".to_owned(), SOON).await.unwrap_err();
    assert_eq!(over.kind(), ErrorKind::NotRunning);
    answering.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_publisher_of_an_app_asks_and_is_answered_in_the_reply_topic_of_the_app() {
    async fn ask(to: &Publisher<String>, tea: &str) -> Result<u32, milena::Error> {
        let Json(price) = to.request::<Json<Price>>(tea.to_owned(), SOON).await?;
        Ok(price.cents)
    }
    let broker = Memory::new();
    broker.create_topic("replies", 2);
    let answering = TestApp::start_on(broker.clone(), prices()).await;
    let mut app = App::new("Shop", "1").cluster("eu", broker.clone()).replies("replies");
    let publisher = app.publisher::<String>(publish("prices").schema());
    let (tell, told) = tokio::sync::oneshot::channel();
    let app = app.background("ask", async move |_| {
        let (mint, sage) =
            tokio::join!(ask(&publisher, "mint"), ask(&publisher, "a whole pound of sage"));
        let _ = tell.send((mint?, sage?));
        Ok::<_, milena::Error>(())
    });

    let ended = app.serve().with_shutdown(tokio::time::sleep(SOON)).await.unwrap();

    assert_eq!(ended, Ended::Asked);
    assert_eq!(told.await.unwrap(), (4, 21));
    let questions = broker.records("prices");
    assert!(questions.iter().all(|it| it.headers().get(names::REPLY_TO) == Some(b"replies")));
    assert_eq!(broker.records("replies").len(), 2);
    answering.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_app_whose_reply_topic_does_not_exist_does_not_start() {
    let broker = Memory::new().without_auto_create();
    let app = App::new("Shop", "1").cluster("eu", broker).replies("missing");

    let failure = app.serve().await.unwrap_err();

    assert_eq!(failure.kind(), ErrorKind::UnknownTopic);
    assert!(matches!(failure.reason(), Reason::Cluster { .. }), "{failure:?}");
    assert!(failure.to_string().contains("could not read answers in topic `missing`"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_reply_topic_does_not_exist_does_not_start() {
    let broker = Memory::new().without_auto_create();
    broker.create_topic("unused", 1);
    let router = Router::new("asker").subscribe("unused", each(async || ()));

    let error = milena::serve(broker, router).replies("missing").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    assert!(error.to_string().contains("could not read answers in topic `missing`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn instances_that_share_a_reply_topic_get_each_its_own_answers() {
    let counts = Counts::default();
    let _guard = metrics::set_default_local_recorder(&counts);
    let broker = Memory::new();
    broker.create_topic("answers", 1);
    let _answering = TestApp::start_on(broker.clone(), prices()).await;
    let (_one, first) = asker(&broker, to()).await;
    let (_two, second) = asker(&broker, to()).await;
    let ask = async |publisher: &Publisher<()>, number: usize| {
        let answer: Json<Price> = publisher.request("x".repeat(number), SOON).await.unwrap();
        assert_eq!(answer.0.cents, number as u32);
    };

    let asked = (0..100).map(async |number| {
        tokio::join!(ask(&first, number), ask(&second, 1000 + number));
    });
    join_all(asked).await;

    assert_eq!(counts.get("milena_answers_unknown_total"), 200, "those of the other");
    assert_eq!(broker.records("answers").len(), 200);
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_the_service_ends_is_told_so() {
    let broker = Memory::new();
    let (service, publisher) = asker(&broker, to()).await;
    let asking = tokio::spawn(async move { publisher.request::<String>("mint", SOON).await });
    tokio::time::sleep(10 * MS).await;

    service.stop().await.unwrap();

    assert_eq!(asking.await.unwrap().unwrap_err().kind(), ErrorKind::NotRunning);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_refused_fails_at_once_and_ids_do_not_repeat() {
    let (broker, _services, publisher) = both(to()).await;
    broker.faults().refuse_writes("prices", ErrorKind::Unauthorized);

    let before = tokio::time::Instant::now();
    let error = publisher.request::<String>("mint", SOON).await.unwrap_err();
    assert_eq!((error.kind(), before.elapsed()), (ErrorKind::Unauthorized, Duration::ZERO));
    broker.faults().accept_writes("prices");
    let twice = || {
        publisher
            .request::<Record>((Headers::new().with(names::CORRELATION_ID, "same"), "mint"), SOON)
    };

    let (first, second) = tokio::join!(twice(), twice());

    first.unwrap();
    assert!(second.unwrap_err().to_string().contains("correlation id `same` waits already"));
}
