//! Answers to records that ask for one.

use crate::counts::Counts;
use milena::{
    Batch, Outcome, Publisher, Record, Retry, Router, batch, each, publish,
    record::{Partition, ProducerRecord, names},
};
use milena_memory::Memory;
use milena_test::TestApp;
use std::{io, time::Duration};

const MS: Duration = Duration::from_millis(1);

/// A question whose answer goes to `answers`.
fn question(value: &str) -> ProducerRecord {
    ProducerRecord::new("questions")
        .value(value.to_owned())
        .header(names::REPLY_TO, "answers")
        .header(names::CORRELATION_ID, value)
}

async fn shout(word: String) -> String {
    word.to_uppercase()
}

async fn fail(_: String) -> Result<String, io::Error> {
    Err(io::Error::other("no such word"))
}

/// The partition, value, correlation id and failure that a record has.
fn read(record: &Record) -> (i32, Option<String>, Option<String>, Option<String>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers = record.headers();
    (
        record.partition(),
        record.value().map(text),
        headers.get(names::CORRELATION_ID).map(text),
        headers.get(names::ERROR).map(text),
    )
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

async fn ask(test: &TestApp, questions: impl IntoIterator<Item = ProducerRecord>) {
    for question in questions {
        test.broker().produce(question).unwrap();
    }
    test.settle().await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_gets_the_value_in_its_topic_and_partition_under_its_correlation_id() {
    let broker = Memory::new();
    broker.create_topic("answers", 3);
    let app = Router::new("g").subscribe("questions", each(shout).answer());
    let test = TestApp::start_on(broker, app).await;

    ask(
        &test,
        [
            question("a").header(names::REPLY_PARTITION, "2"),
            ProducerRecord::new("questions").value("nobody asks"),
            question("b").header(names::REPLY_PARTITION, "1"),
        ],
    )
    .await;

    let answers: Vec<_> = test.records("answers").iter().map(read).collect();
    assert_eq!(answers.len(), 2);
    assert!(answers.contains(&(2, some("A"), some("a"), None)), "{answers:?}");
    assert!(answers.contains(&(1, some("B"), some("b"), None)), "{answers:?}");
    let headers = test.records("answers")[0].headers();
    assert_eq!(headers.get("content-type"), Some(&b"text/plain"[..]));
    assert!(!headers.contains(names::REPLY_TO), "an answer asks for nothing");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_goes_beside_the_replies_and_both_have_the_correlation_id() {
    let to = || publish("words").key("k").header("by", "shout");
    let subscriber = each(shout).publish_to(to()).publish_to(publish("bare").bare());
    let test = TestApp::start(Router::new("g").subscribe("questions", subscriber)).await;

    ask(&test, [question("a"), ProducerRecord::new("questions").value("b")]).await;

    assert_eq!(
        test.records("answers").iter().map(read).collect::<Vec<_>>(),
        [(0, some("A"), some("a"), None)]
    );
    let words = test.records("words");
    assert_eq!(
        words.iter().map(read).collect::<Vec<_>>(),
        [(0, some("A"), some("a"), None), (0, some("B"), None, None)]
    );
    assert_eq!(
        (words[0].key(), words[0].headers().get("by")),
        (Some(&b"k"[..]), Some(&b"shout"[..]))
    );
    assert!(test.records("bare").iter().all(|record| record.headers().is_empty()));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_question_is_done_when_its_answer_is_acknowledged() {
    let broker = Memory::new();
    broker.faults().hold_deliveries();
    let app = Router::new("g").subscribe("questions", each(shout).answer());
    let test = TestApp::start_on(broker.clone(), app).await;
    broker.produce(question("a")).unwrap();

    tokio::time::sleep(5000 * MS).await;

    assert_eq!(broker.faults().fired().deliveries_held, 1);
    assert_eq!(test.committed("g", "questions"), 0);
    broker.faults().release_deliveries();
    test.settle().await;
    assert_eq!(test.committed("g", "questions"), 1);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_handler_without_a_value_is_null() {
    async fn none(_: String) -> Option<String> {
        None
    }
    async fn part(_: String) -> (Partition, &'static str) {
        (Partition(9), "the asker's partition counts")
    }
    let broker = Memory::new();
    broker.create_topic("answers", 1);
    let app = Router::new("g")
        .subscribe("questions", each(async |_: String| ()))
        .subscribe("questions", each(async |_: String| Outcome::done()))
        .subscribe("questions", each(none).answer())
        .subscribe("questions", each(part).answer());
    let test = TestApp::start_on(broker, app).await;

    ask(&test, [question("a").header(names::REPLY_PARTITION, "0")]).await;

    let mut answers: Vec<_> = test.records("answers").iter().map(read).collect();
    answers.sort();
    let null = (0, None, some("a"), None);
    let value = (0, some("the asker's partition counts"), some("a"), None);
    assert_eq!(answers, [null.clone(), null.clone(), null, value]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_reply_and_batches_answer_nobody() {
    async fn all(Batch(words): Batch<String>) -> Vec<String> {
        words
    }
    let app = Router::new("g")
        .subscribe("questions", each(shout).publish_to("words").no_reply())
        .subscribe("questions", each(async |_: String| ()).no_reply())
        .subscribe("questions", each(fail).publish_to("words").skip_failures().no_reply())
        .subscribe("questions", batch(all).publish_to("words"));
    let test = TestApp::start(app).await;

    ask(&test, [question("a").header(names::REPLY_ERRORS, "true")]).await;

    assert_eq!(test.records("words").len(), 2);
    assert!(test.records("answers").is_empty());
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_can_be_given_harms_nobody_else() {
    let (counts, broker) = (Counts::default(), Memory::new().without_auto_create());
    let _guard = metrics::set_default_local_recorder(&counts);
    for topic in ["questions", "answers"] {
        broker.create_topic(topic, 1);
    }
    let subscriber = each(shout).answer().retry(Retry::fixed(3, MS));
    let app = Router::new("g").subscribe("questions", subscriber);
    let test = TestApp::start_on(broker, app).await;
    let to =
        |topic: &[u8]| ProducerRecord::new("questions").value("x").header(names::REPLY_TO, topic);

    ask(
        &test,
        [
            to(b"no such topic\n"),
            to(b""),
            to(b"\xff\xfe"),
            to(b"unknown"),
            to("x".repeat(250).as_bytes()),
            question("far").header(names::REPLY_PARTITION, "99"),
            question("negative").header(names::REPLY_PARTITION, "-3"),
            question("nonsense").header(names::REPLY_PARTITION, "first"),
            question("good"),
        ],
    )
    .await;

    let answers: Vec<_> = test.records("answers").iter().filter_map(|it| read(it).2).collect();
    assert_eq!(answers, ["nonsense", "good"]);
    assert_eq!(test.committed("g", "questions"), 9, "each question is done");
    test.stop().await.unwrap();
    assert_eq!(counts.get("milena_answers_failed_total"), 7);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_failures_gets_them_once_the_policy_is_at_its_end() {
    async fn decide(word: String) -> Outcome {
        match &*word {
            "skip" => Outcome::skip("nothing to say"),
            _ => Outcome::dead_letter("unspeakable"),
        }
    }
    let app = Router::new("g")
        .subscribe("questions", each(fail).answer().retry(Retry::fixed(3, MS)).skip_failures())
        .subscribe("letters", each(fail).answer().dead_letter("dead"))
        .subscribe("decisions", each(decide).dead_letter("dead"));
    let test = TestApp::start(app).await;
    let wants = |topic: &str, id| {
        let question = question(id).header(names::REPLY_ERRORS, "true");
        ProducerRecord { topic: topic.into(), ..question }
    };

    ask(
        &test,
        [
            wants("questions", "a"),
            question("does not want to know"),
            wants("letters", "b"),
            wants("decisions", "skip"),
            wants("decisions", "c"),
        ],
    )
    .await;

    let mut answers: Vec<_> = test.records("answers").iter().map(read).collect();
    answers.sort();
    let failure = |id, why| (0, None, some(id), some(why));
    assert_eq!(
        answers,
        [
            failure("a", "no such word"),
            failure("b", "no such word"),
            failure("c", "unspeakable"),
            failure("skip", "nothing to say"),
        ]
    );
    assert_eq!(test.records("dead").len(), 2);
    test.stop().await.unwrap();
}

/// Whether a mapped question begins so.
fn says(what: &'static str) -> impl Fn(&Record) -> bool {
    move |record| match record.value() {
        Some(b"mapped panic") => panic!("such a question was not expected"),
        value => value.is_some_and(|value| value.strip_prefix(b"mapped ") == Some(what.as_bytes())),
    }
}

/// Five handlers that fail, of which the first tells.
fn discreet(router: Router) -> Router {
    async fn slow(_: String) {
        tokio::time::sleep(1000 * MS).await;
    }
    async fn decide(_: String) -> Outcome {
        Outcome::skip("nothing to say")
    }
    async fn burst(_: String) {
        panic!("unspeakable")
    }
    let subscriber = each(fail)
        .answer()
        .when(says("open"))
        .or(each(fail).answer().when(says("secret")).no_reply())
        .or(each(slow).when(says("slow")).no_reply())
        .or(each(decide).when(says("skip")).no_reply())
        .or(each(burst).when(says("burst")).no_reply());
    router.subscribe("questions", subscriber.timeout(10 * MS).skip_failures()).map_record(
        |record: Record| {
            let value = [b"mapped ", record.value().unwrap_or_default()].concat();
            record.with_value(bytes::Bytes::from(value))
        },
    )
}

#[tokio::test(start_paused = true)]
async fn of_several_handlers_one_that_is_not_to_reply_tells_nobody_of_failures_either() {
    let app = discreet(Router::new("g"));
    let test = TestApp::start(app).await;
    let all = ["open", "secret", "slow", "skip", "burst", "nobody's", "panic"];

    ask(&test, all.map(|it| question(it).header(names::REPLY_ERRORS, "true"))).await;

    let answers: Vec<_> = test.records("answers").iter().map(read).collect();
    let failure = |id, why| (0, None, some(id), some(why));
    let expected = [
        failure("open", "no such word"),
        failure("nobody's", "no handler takes it"),
        failure("panic", "the handler panicked: such a question was not expected"),
    ];
    assert_eq!(answers, expected);
    assert_eq!(test.committed("g", "questions"), 7);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_question_that_stops_the_service_is_not_answered_yet() {
    let app = Router::new("g").subscribe("questions", each(fail).answer());
    let test = TestApp::start(app).await;

    test.broker().produce(question("a").header(names::REPLY_ERRORS, "true")).unwrap();
    tokio::time::sleep(1000 * MS).await;

    assert!(test.records("answers").is_empty(), "it is asked again at the next start");
    test.stop().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_handler_can_ask_another_and_answer_with_that() {
    async fn price(word: String, publisher: Publisher) -> Result<String, milena::Error> {
        let to = publish("questions").reply_to("inner");
        publisher.request(to, word, Duration::from_secs(1)).await
    }
    let app = Router::new("g")
        .subscribe("questions", each(shout).answer())
        .subscribe("prices", each(price).answer());
    let test = TestApp::start(app).await;

    ask(&test, [ProducerRecord { topic: "prices".into(), ..question("tea") }]).await;

    assert_eq!(read(&test.records("answers")[0]), (0, some("TEA"), some("tea"), None));
    test.stop().await.unwrap();
}
