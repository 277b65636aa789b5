//! Results that are published in transactions with the offsets behind them.

use crate::kit::TestApp;
use milena::{
    Batch, Memory, Outcome, Publisher, Retry, Router, batch, by_key, each,
    error::{Error, ErrorKind},
    extract::Attempt,
    publish,
    router::TransactionalIds,
    unordered,
};
use milena_core::{ProducerRecord, handler::Decision, transport::IsolationLevel};
use milena_memory::TransactionStep;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};

const MS: Duration = Duration::from_millis(1);

async fn copy(value: String) -> String {
    value
}

fn copies() -> Router {
    Router::new("copies").exactly_once("copies-1").subscribe("in", each(copy).publish_to("out"))
}

fn produce(broker: &Memory, values: &[&str]) {
    for value in values {
        let record = ProducerRecord::new("in").partition(0).value((*value).to_owned());
        broker.produce(record).unwrap();
    }
}

/// What a reader of committed records sees of a topic.
fn seen(broker: &Memory, topic: &str) -> Vec<String> {
    at(broker, topic, IsolationLevel::ReadCommitted)
}

fn at(broker: &Memory, topic: &str, level: IsolationLevel) -> Vec<String> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let records = broker.records_at(topic, level);
    records.iter().map(|record| text(record.value().unwrap_or_default())).collect()
}

#[tokio::test(start_paused = true)]
async fn results_are_seen_when_the_offsets_behind_them_are_committed() {
    let broker = Memory::new();
    broker.faults().delay_step_answers(TransactionStep::SendOffsets, 1, 1000 * MS);
    let test = TestApp::start_on(broker.clone(), copies()).await;
    produce(&broker, &["a", "b"]);

    sleep(500 * MS).await;
    assert_eq!(broker.faults().fired().step_answers_delayed, 1, "the transaction is open");
    assert_eq!(at(&broker, "out", IsolationLevel::ReadUncommitted), ["a", "b"]);
    assert_eq!(seen(&broker, "out"), [""; 0]);
    assert_eq!(test.committed("copies", "in"), 0);
    test.settle().await;

    assert_eq!(seen(&broker, "out"), ["a", "b"]);
    assert_eq!(test.committed("copies", "in"), 2);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_transaction_comes_as_often_as_it_is_said_or_ten_times_a_second() {
    for (router, before, behind) in
        [(copies(), 50 * MS, 150 * MS), (copies().commit_interval(1000 * MS), 950 * MS, 1050 * MS)]
    {
        let broker = Memory::new();
        produce(&broker, &["a"]);
        let test = TestApp::start_on(broker.clone(), router).await;

        sleep(before).await;
        assert_eq!(seen(&broker, "out"), [""; 0], "before {before:?}");
        sleep(behind - before).await;
        assert_eq!(seen(&broker, "out"), ["a"], "behind {behind:?}");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_fails_has_published_nothing() {
    async fn flaky(
        value: String,
        publisher: Publisher,
        attempt: milena::extract::Attempt,
    ) -> Result<(), Error> {
        publisher.publish("out", format!("{value}{}", attempt.0)).await?;
        if attempt.0 < 3 {
            return Err(Error::new(ErrorKind::Driver, "not yet"));
        }
        publisher.publish("out", format!("{value} again")).await
    }
    let broker = Memory::new();
    let subscriber = each(flaky).retry(Retry::fixed(3, 5 * MS));
    let router = Router::new("g").exactly_once("id").subscribe("in", subscriber);
    let test = TestApp::start_on(broker.clone(), router).await;
    produce(&broker, &["a", "b"]);
    test.settle().await;

    assert_eq!(seen(&broker, "out"), ["a3", "a again", "b3", "b again"]);
    assert_eq!(at(&broker, "out", IsolationLevel::ReadUncommitted), seen(&broker, "out"));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_done_behind_a_record_that_is_not_waits_for_it() {
    for concurrency in [unordered(8), by_key(8)] {
        let (broker, gate) = (Memory::new(), Arc::new(Notify::new()));
        let opens = gate.clone();
        let slow = move |value: String| {
            let gate = opens.clone();
            async move {
                if value == "b" {
                    gate.notified().await;
                }
                value
            }
        };
        let subscriber = each(slow).concurrency(concurrency).publish_to("out");
        let router = Router::new("g").exactly_once("id").subscribe("in", subscriber);
        let test = TestApp::start_on(broker.clone(), router).await;
        for value in ["a", "b", "c", "d"] {
            let record = ProducerRecord::new("in").partition(0).key(value).value(value);
            broker.produce(record).unwrap();
        }

        sleep(1000 * MS).await;
        assert_eq!(seen(&broker, "out"), ["a"], "{concurrency:?}");
        assert_eq!(test.committed("g", "in"), 1);
        gate.notify_one();
        test.settle().await;

        assert_eq!(seen(&broker, "out"), ["a", "b", "c", "d"], "in the order of the partition");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_in_the_transaction_of_its_record() {
    async fn fail(value: String) -> Result<String, Error> {
        if value == "bad" { Err(Error::new(ErrorKind::Driver, "bad")) } else { Ok(value) }
    }
    let broker = Memory::new();
    broker.faults().delay_step_answers(TransactionStep::SendOffsets, 1, 1000 * MS);
    let subscriber = each(fail).publish_to("out").dead_letter("dead");
    let router = Router::new("g").exactly_once("id").subscribe("in", subscriber);
    let test = TestApp::start_on(broker.clone(), router).await;
    produce(&broker, &["a", "bad", "c"]);

    sleep(500 * MS).await;
    assert_eq!(broker.faults().fired().step_answers_delayed, 1);
    assert_eq!((seen(&broker, "out").len(), seen(&broker, "dead").len()), (0, 0));
    test.settle().await;

    assert_eq!(
        (seen(&broker, "out"), seen(&broker, "dead")),
        (vec!["a".into(), "c".into()], vec!["bad".to_owned()])
    );
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_transaction_whose_outcome_is_unknown_is_published_once() {
    use TransactionStep::{Begin, Commit, SendOffsets};
    for step in [Begin, SendOffsets, Commit] {
        for is_done in [true, false] {
            let broker = Memory::new();
            let calls = Arc::new(AtomicUsize::new(0));
            let counted = calls.clone();
            let count = move |value: String| {
                counted.fetch_add(1, SeqCst);
                async move { value }
            };
            let router =
                Router::new("g").exactly_once("id").subscribe("in", each(count).publish_to("out"));
            let test = TestApp::start_on(broker.clone(), router).await;
            if is_done {
                broker.faults().lose_step_answers(step, 1);
            } else {
                broker.faults().lose_step_requests(step, 1);
            }
            produce(&broker, &["a", "b", "c"]);
            test.settle().await;

            let fired = broker.faults().fired();
            assert_eq!(fired.step_answers_lost + fired.step_requests_lost, 1, "{step:?} {is_done}");
            assert_eq!(seen(&broker, "out"), ["a", "b", "c"], "{step:?} {is_done}");
            assert_eq!(calls.load(SeqCst), 3, "no handler is called again");
            test.stop().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_is_aborted_is_published_by_another() {
    use TransactionStep::{Commit, SendOffsets};
    for step in [SendOffsets, Commit] {
        let broker = Memory::new();
        let test = TestApp::start_on(broker.clone(), copies()).await;
        broker.faults().refuse_steps(step, 3, ErrorKind::Aborted);
        produce(&broker, &["a", "b"]);
        test.settle().await;

        assert_eq!(broker.faults().fired().steps_refused, 3, "{step:?}");
        assert_eq!(seen(&broker, "out"), ["a", "b"]);
        assert_eq!(
            at(&broker, "out", IsolationLevel::ReadUncommitted).len(),
            8,
            "three were aborted"
        );
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_cannot_begin_or_be_aborted_is_published_by_another() {
    use TransactionStep::{Abort, Begin, Commit};
    for step in [Begin, Abort] {
        let broker = Memory::new();
        let test = TestApp::start_on(broker.clone(), copies()).await;
        broker.faults().refuse_steps(Commit, 1, ErrorKind::Aborted);
        broker.faults().refuse_steps(step, 1, ErrorKind::Aborted);
        produce(&broker, &["a", "b"]);
        test.settle().await;

        assert_eq!(broker.faults().fired().steps_refused, 2, "{step:?}");
        assert_eq!(seen(&broker, "out"), ["a", "b"], "{step:?}");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_rival_with_the_same_id_ends_the_service() {
    let broker = Memory::new();
    let test = TestApp::start_on(broker.clone(), copies()).await;
    produce(&broker, &["a"]);
    test.settle().await;
    broker.faults().fence_producer("copies-1");
    produce(&broker, &["b"]);

    let error = test.failure().await;

    assert_eq!(broker.faults().fired().producers_fenced, 1);
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    assert!(error.to_string().contains("copies-1"), "{error}");
    assert_eq!(seen(&broker, "out"), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_the_broker_refuses_is_a_failure_of_its_record_alone() {
    async fn grow(value: String) -> String {
        if value == "large" { "x".repeat(5000) } else { value }
    }
    let broker = Memory::new();
    broker.faults().limit_record_bytes(Some(2000));
    let subscriber = each(grow).publish_to("out").dead_letter("dead");
    let router = Router::new("g").exactly_once("id").subscribe("in", subscriber);
    let test = TestApp::start_on(broker.clone(), router).await;
    produce(&broker, &["a", "large", "c"]);
    test.settle().await;

    assert_eq!(broker.faults().fired().records_too_large, 1);
    assert_eq!(seen(&broker, "out"), ["a", "c"]);
    assert_eq!(seen(&broker, "dead"), ["large"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_result_of_a_batch_that_the_broker_refuses_is_a_failure_of_its_records() {
    async fn join(Batch(values): Batch<String>) -> String {
        values.join("+")
    }
    let broker = Memory::new();
    let subscriber = batch(join).max_wait(10 * MS).publish_to("out").dead_letter("dead");
    let router = Router::new("g").exactly_once("id").subscribe("in", subscriber);
    let test = TestApp::start_on(broker.clone(), router).await;
    broker.create_topic("out", 1);
    broker.faults().refuse_writes("out", ErrorKind::Publish);
    produce(&broker, &["a", "b"]);
    test.settle().await;

    assert_eq!(broker.faults().fired().writes_refused, 1);
    assert_eq!(
        (seen(&broker, "out").len(), seen(&broker, "dead")),
        (0, vec!["a".into(), "b".into()])
    );
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_record_of_two_batches_whose_results_are_refused_fails_once() {
    async fn twice(Batch(values): Batch<String>, attempt: Attempt) -> Outcome {
        let again = |_| match attempt.0 {
            1 => Outcome::retry_after(10 * MS),
            _ => Outcome::done(),
        };
        let decision = Decision::OfEach(values.iter().map(again).collect());
        Outcome::from(decision).publish(ProducerRecord::new("out").value(values.join("+")))
    }
    let broker = Memory::new();
    ["out", "dead"].iter().for_each(|topic| broker.create_topic(*topic, 1));
    broker.faults().refuse_writes("out", ErrorKind::Publish);
    let subscriber = batch(twice).max_records(2).max_wait(10 * MS).dead_letter("dead");
    let router = Router::new("g").exactly_once("id").subscribe("in", subscriber);
    let test = TestApp::start_on(broker.clone(), router).await;
    produce(&broker, &["a", "b"]);
    test.settle().await;

    assert!(broker.faults().fired().writes_refused > 0);
    assert_eq!(
        (seen(&broker, "out").len(), seen(&broker, "dead")),
        (0, vec!["a".into(), "b".into()])
    );
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_written_is_tried_again() {
    async fn fail(_: String) -> Result<(), Error> {
        Err(Error::new(ErrorKind::Driver, "bad"))
    }
    let broker = Memory::new();
    broker.create_topic("dead", 1);
    broker.faults().refuse_writes("dead", ErrorKind::Unauthorized);
    let router =
        Router::new("g").exactly_once("id").subscribe("in", each(fail).dead_letter("dead"));
    let test = TestApp::start_on(broker.clone(), router).await;
    produce(&broker, &["a"]);
    sleep(Duration::from_secs(10)).await;

    assert!(broker.faults().fired().writes_refused > 1);
    assert_eq!(test.committed("g", "in"), 0);
    broker.faults().accept_writes("dead");
    test.settle().await;
    assert_eq!(seen(&broker, "dead"), ["a"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_batch_returns_is_published_with_all_of_its_records() {
    async fn join(Batch(values): Batch<String>) -> String {
        values.join("+")
    }
    for order in [by_key(4), unordered(4), milena::router::by_partition()] {
        let broker = Memory::new();
        let subscriber =
            batch(join).max_records(3).concurrency(order).max_wait(10 * MS).publish_to("out");
        let router = Router::new("g").exactly_once("id").subscribe("in", subscriber);
        let test = TestApp::start_on(broker.clone(), router).await;
        produce(&broker, &["a", "b", "c", "d"]);
        test.settle().await;

        let mut all: Vec<_> = seen(&broker, "out")
            .iter()
            .flat_map(|it| it.split('+').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        all.sort();
        assert_eq!(all, ["a", "b", "c", "d"], "{order:?}");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_not_published_while_one_of_its_records_is_tried_again() {
    async fn decide(
        Batch(values): Batch<String>,
        publisher: Publisher,
        attempt: milena::extract::Attempt,
    ) -> Result<Vec<Outcome>, Error> {
        publisher.publish("out", values.join("+")).await?;
        let again = |value: &String| *value == "b" && attempt.0 == 1;
        Ok(values
            .iter()
            .map(|it| if again(it) { Outcome::retry_after(2000 * MS) } else { Outcome::done() })
            .collect())
    }
    let broker = Memory::new();
    produce(&broker, &["a", "b", "c"]);
    let router =
        Router::new("g").exactly_once("id").subscribe("in", batch(decide).max_wait(10 * MS));
    let test = TestApp::start_on(broker.clone(), router).await;

    sleep(1000 * MS).await;
    assert_eq!((seen(&broker, "out").len(), test.committed("g", "in")), (0, 0));
    test.settle().await;

    assert_eq!(seen(&broker, "out"), ["a+b+c", "b"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn partitions_that_are_lost_before_their_transaction_are_published_by_who_has_them_next() {
    let broker = Memory::new();
    let test = TestApp::start_on(broker.clone(), copies()).await;
    broker.faults().delay_step_answers(TransactionStep::Begin, 1, 1000 * MS);
    produce(&broker, &["a", "b"]);
    sleep(500 * MS).await;
    broker.faults().lose_partitions("copies");
    test.settle().await;

    assert_eq!(broker.faults().fired().members_lost, 1);
    assert_eq!(broker.faults().fired().step_answers_delayed, 1);
    assert_eq!(seen(&broker, "out"), ["a", "b"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn members_that_come_and_go_publish_everything_once() {
    let broker = Memory::new();
    broker.create_topic("in", 4);
    let member = |id: usize| {
        Router::new("g")
            .exactly_once(format!("id-{id}"))
            .subscribe("in", each(copy).concurrency(unordered(4)).publish_to("out"))
    };
    let mut members = vec![TestApp::start_on(broker.clone(), member(0)).await];
    for round in 1..6 {
        for number in 0..40 {
            let record =
                ProducerRecord::new("in").partition(number % 4).value(format!("{round}-{number}"));
            broker.produce(record).unwrap();
            sleep(7 * MS).await;
        }
        members.push(TestApp::start_on(broker.clone(), member(round)).await);
        if round % 2 == 0 {
            members.remove(0).stop().await.unwrap();
        }
    }
    members[0].settle().await;
    for member in members {
        member.stop().await.unwrap();
    }

    let mut all = seen(&broker, "out");
    all.sort();
    let mut expected: Vec<_> =
        (1..6).flat_map(|round| (0..40).map(move |number| format!("{round}-{number}"))).collect();
    expected.sort();
    assert_eq!(all, expected);
}

#[tokio::test(start_paused = true)]
async fn each_partition_can_have_an_id_of_its_own() {
    let broker = Memory::new();
    broker.create_topic("in", 3);
    let router = Router::new("g")
        .exactly_once(TransactionalIds::per_partition())
        .subscribe("in", each(copy).publish_to("out"));
    let test = TestApp::start_on(broker.clone(), router).await;
    for partition in 0..3 {
        broker.produce(ProducerRecord::new("in").partition(partition).value("a")).unwrap();
    }
    test.settle().await;

    assert_eq!(seen(&broker, "out").len(), 3);
    for partition in 0..3 {
        broker.faults().fence_producer(&format!("g-0-{partition}"));
    }
    assert_eq!(broker.faults().fired().producers_fenced, 3, "there is one for each");
    broker.produce(ProducerRecord::new("in").partition(1).value("b")).unwrap();
    test.settle().await;
    assert_eq!(seen(&broker, "out").len(), 4, "another took the place of the one that was fenced");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_comes_back_during_its_transaction_is_published_by_another_session() {
    let broker = Memory::new();
    let router = Router::new("g")
        .exactly_once(TransactionalIds::per_partition())
        .subscribe("in", each(copy).publish_to("out"));
    let test = TestApp::start_on(broker.clone(), router).await;
    broker.faults().delay_step_answers(TransactionStep::Begin, 1, 1000 * MS);
    produce(&broker, &["a", "b"]);
    sleep(500 * MS).await;
    broker.faults().lose_partitions("g");
    test.settle().await;

    assert_eq!(broker.faults().fired().members_lost, 1);
    assert_eq!(broker.faults().fired().step_answers_delayed, 1);
    assert_eq!(seen(&broker, "out"), ["a", "b"]);
    sleep(2000 * MS).await;
    produce(&broker, &["c"]);
    test.settle().await;
    assert_eq!(seen(&broker, "out"), ["a", "b", "c"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn results_that_are_kept_are_bounded_and_none_is_lost() {
    let broker = Memory::new();
    let values: Vec<_> = (0..500).map(|number| number.to_string()).collect();
    produce(&broker, &values.iter().map(String::as_str).collect::<Vec<_>>());
    let router = copies().max_in_flight(10, 1 << 20).commit_interval(Duration::from_mins(10));
    let test = TestApp::start_on(broker.clone(), router).await;
    test.settle().await;

    assert_eq!(seen(&broker, "out"), values);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_done_is_published_before_a_seek_and_before_the_end() {
    let broker = Memory::new();
    let router = copies().commit_interval(Duration::from_mins(10));
    let test = TestApp::start_on(broker.clone(), router).await;
    produce(&broker, &["a", "b"]);
    let control = test.control("copies");
    sleep(100 * MS).await;
    assert_eq!(seen(&broker, "out").len(), 0);

    control.seek(&milena::record::TopicPartition::new("in", 0), 1).await.unwrap();
    assert_eq!(seen(&broker, "out"), ["a", "b"]);
    sleep(100 * MS).await;
    test.stop().await.unwrap();

    assert_eq!(seen(&broker, "out"), ["a", "b", "b"], "the second time because somebody wanted it");
    assert_eq!(broker.lag("copies", "in"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_published_to_a_question_and_outside_of_calls_is_in_no_transaction() {
    let broker = Memory::new();
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let tell = Arc::new(std::sync::Mutex::new(Some(tell)));
    let stuck = move |_: String, publisher: Publisher| {
        let tell = tell.lock().unwrap().take();
        async move {
            let outside = tokio::spawn(async move { publisher.publish("out", "spawned").await });
            outside.await.unwrap().unwrap();
            drop(tell);
            std::future::pending::<()>().await;
        }
    };
    let router =
        Router::new("g").exactly_once("id").drain_timeout(10 * MS).subscribe("in", each(stuck));
    let test = TestApp::start_on(broker.clone(), router).await;
    produce(&broker, &["a"]);
    let _ = told.await;

    assert_eq!(seen(&broker, "out"), ["spawned"]);
    drop(test);
}

/// What `serve` says of a router that it refuses.
fn refused(router: Router) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(milena::serve(Memory::new(), router));
    }));
    panic.unwrap_err().downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_cannot_be_published_exactly_once_is_refused_at_assembly() {
    use milena::{router::AckPolicy, transport::ConsumerConfig};
    let uncommitted = ConsumerConfig::new().isolation_level(IsolationLevel::ReadUncommitted);
    async fn take(_: Batch<String>) {}
    for (router, named) in [
        (
            Router::without_group()
                .exactly_once("id")
                .subscribe("in", each(copy).publish_to("out")),
            "without a group",
        ),
        (copies().consumer(uncommitted), "isolation.level=read_uncommitted"),
        (
            Router::new("g")
                .exactly_once("id")
                .subscribe("in", each(copy).ack(AckPolicy::OnReceive).publish_to("out")),
            "acknowledged on receipt",
        ),
        (
            Router::new("g")
                .exactly_once(TransactionalIds::per_partition())
                .subscribe("in", batch(take).across_partitions()),
            "one transactional id",
        ),
    ] {
        let error = refused(router);
        assert!(error.contains(named), "{named}: {error}");
    }
    let empty = std::panic::catch_unwind(|| drop(Router::<()>::new("g").exactly_once("")));
    assert!(empty.is_err());
    let _ = publish("out");
}
