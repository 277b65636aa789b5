//! Questions and answers on a real Kafka.

mod answerer;
mod killed;
mod restart;

use crate::kit::{STUCK, kafka, topic, unique};
use milena::{Publisher, Record, Router, each, error::ErrorKind, publish, record::names};
use milena_core::{
    ProducerRecord,
    transport::{TopicDescription, Transport as _},
};
use milena_rdkafka::Kafka;
use std::{sync::Arc, time::Duration};
use tokio::{sync::oneshot, task::JoinHandle};

/// How long an answer may take.
const SOON: Duration = Duration::from_secs(20);

/// A service in this process.
struct Running {
    _stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), milena::Error>>,
}

impl Running {
    fn start(kafka: &Kafka, router: Router) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let service = milena::serve(kafka.clone(), router);
        let service = service.with_shutdown(async { drop(stopped.await) });
        Self { _stop: stop, task: tokio::spawn(service.into_future()) }
    }

    async fn stop(self) {
        drop(self._stop);
        tokio::time::timeout(STUCK, self.task).await.expect("it ends").unwrap().unwrap();
    }
}

/// A service that only asks, and its publisher.
async fn asker(kafka: &Kafka, topic: &str, replies: &str) -> (Running, Publisher<()>) {
    let mut router = Router::new("asker");
    let publisher = router.publisher(publish(topic).reply_to(replies).reply_errors());
    let running = Running::start(kafka, router);
    // It works as soon as the service has its producer.
    while publisher.partitions(topic).await.is_err_and(|it| it.kind() == ErrorKind::NotRunning) {
        tokio::task::yield_now().await;
    }
    (running, publisher)
}

async fn double(number: String) -> Result<String, std::num::ParseIntError> {
    Ok((number.parse::<u64>()? * 2).to_string())
}

#[tokio::test]
async fn a_request_gets_its_answer_or_the_failure_that_it_asked_for() {
    let Some(kafka) = kafka() else { return };
    let (questions, answers) =
        (topic(&kafka, "questions", 3).await, topic(&kafka, "answers", 3).await);
    let router = Router::new(unique("answering"))
        .subscribe(questions.clone(), each(double).answer().skip_failures());
    let answering = Running::start(&kafka, router);
    let (asking, publisher) = asker(&kafka, &questions, &answers).await;

    let answer: Record = publisher.request("21", SOON).await.unwrap();
    let failure = publisher.request::<String>("twenty", SOON).await.unwrap_err();

    assert_eq!((answer.value(), answer.topic()), (Some(&b"42"[..]), &*answers));
    assert_eq!(failure.kind(), ErrorKind::Answer);
    assert!(failure.to_string().ends_with("invalid digit found in string"), "{failure}");
    asking.stop().await;
    answering.stop().await;
}

#[tokio::test]
async fn askers_that_nobody_can_answer_harm_nobody_else() {
    let Some(kafka) = kafka() else { return };
    let (questions, answers) =
        (topic(&kafka, "questions", 1).await, topic(&kafka, "answers", 1).await);
    let router =
        Router::new(unique("answering")).subscribe(questions.clone(), each(double).answer());
    let answering = Running::start(&kafka, router);
    let (asking, publisher) = asker(&kafka, &questions, &answers).await;
    let ask = |to: &[u8], partition: &str| {
        ProducerRecord::new(questions.clone())
            .value("1")
            .header(names::REPLY_TO, to)
            .header(names::REPLY_PARTITION, partition)
    };
    let bad = vec![
        ask(b"no such name\n", "0"),
        ask(b"\xff", "0"),
        ask(unique("unknown").as_bytes(), "0"),
        ask(answers.as_bytes(), "99"),
    ];
    kafka.producer().await.unwrap().send_all(bad).await.unwrap();

    let answer: String = publisher.request("21", SOON).await.unwrap();

    assert_eq!(answer, "42");
    asking.stop().await;
    answering.stop().await;
}

#[tokio::test]
async fn a_reply_topic_that_does_not_exist_is_a_clear_error() {
    let Some(kafka) = kafka() else { return };
    let questions = topic(&kafka, "questions", 1).await;
    let missing: Arc<str> = unique("missing");
    let (asking, publisher) = asker(&kafka, &questions, &missing).await;

    let error = publisher.request::<String>("21", SOON).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    let says = format!("could not read answers in topic `{missing}`: ");
    assert!(error.to_string().starts_with(&says), "{error}");
    let topics: Vec<Option<TopicDescription>> = kafka.describe_topics(vec![missing]).await.unwrap();
    assert_eq!(topics, [None], "it was not made by looking");
    asking.stop().await;
}
