//! Bugs of results that are published in transactions.

use crate::{
    kit::TestApp,
    promises::{Broken, Promise, exactly_once, kept, produce, seen},
    shows,
};
use milena::{
    Batch, Memory, Outcome, Publisher, Retry, Router, batch, each,
    error::{Error, ErrorKind},
    extract::Attempt,
    planted::Bug,
};
use milena_memory::{Faults, TransactionStep::Commit};
use std::time::Duration;
use tokio::time::sleep;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn copies() -> Router {
    let copy = |value: String| async move { value };
    Router::new("g").exactly_once("id").subscribe("in", each(copy).publish_to("out"))
}

/// What comes of three records when this goes wrong with the first transaction.
async fn copied(fault: impl Fn(&Faults)) -> Vec<Broken> {
    let broker = Memory::new();
    fault(&broker.faults());
    let test = TestApp::start_on(broker.clone(), copies()).await;
    produce(&broker, &["a", "b", "c"]);
    // A service with a bug may never settle.
    sleep(60 * S).await;
    drop(test.stop().await);

    let (fired, results) = (broker.faults().fired(), seen(&broker, "out"));
    assert_eq!(fired.steps_refused + fired.step_requests_lost + fired.step_answers_lost, 1);
    let mut broken = exactly_once(&["a", "b", "c"], &results);
    let (lag, none) = (broker.lag("g", "in"), results.is_empty());
    broken.extend(kept(Promise::Liveness, !(none && lag > 0), || "nothing moves".to_owned()));
    broken
}

#[tokio::test(start_paused = true)]
async fn unknown_is_aborted_publishes_twice() {
    shows(Bug::UnknownIsAborted, Promise::ExactlyOnce, async || {
        copied(|faults| faults.lose_step_answers(Commit, 1)).await
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn unknown_is_committed_loses_results() {
    shows(Bug::UnknownIsCommitted, Promise::ExactlyOnce, async || {
        copied(|faults| faults.lose_step_requests(Commit, 1)).await
    })
    .await;
}

/// The embedded broker refuses whatever such a producer does, as librdkafka does for most errors.
#[tokio::test(start_paused = true)]
async fn reuse_producer_gets_nowhere() {
    shows(Bug::ReuseProducer, Promise::Liveness, async || {
        copied(|faults| faults.lose_step_requests(Commit, 1)).await
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn offsets_outside_lose_the_results_of_a_transaction_that_is_aborted() {
    shows(Bug::OffsetsOutside, Promise::ExactlyOnce, async || {
        copied(|faults| faults.refuse_steps(Commit, 1, ErrorKind::Aborted)).await
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn forget_aborted_loses_the_results_of_a_transaction_that_is_aborted() {
    shows(Bug::ForgetAborted, Promise::ExactlyOnce, async || {
        copied(|faults| faults.refuse_steps(Commit, 1, ErrorKind::Aborted)).await
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn publish_of_failed_shows_what_never_was() {
    async fn flaky(value: String, publisher: Publisher, attempt: Attempt) -> Result<(), Error> {
        publisher.publish("out", format!("{value}{}", attempt.0)).await?;
        if attempt.0 < 2 { Err(Error::new(ErrorKind::Driver, "not yet")) } else { Ok(()) }
    }
    shows(Bug::PublishOfFailed, Promise::ExactlyOnce, async || {
        let broker = Memory::new();
        let subscriber = each(flaky).retry(Retry::fixed(2, 5 * MS));
        let router = Router::new("g").exactly_once("id").subscribe("in", subscriber);
        let test = TestApp::start_on(broker.clone(), router).await;
        produce(&broker, &["a", "b"]);
        test.settle().await;
        test.stop().await.unwrap();

        exactly_once(&["a2", "b2"], &seen(&broker, "out"))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn tear_batch_shows_results_before_their_offsets_are_committed() {
    async fn decide(
        Batch(values): Batch<String>,
        publisher: Publisher,
        attempt: Attempt,
    ) -> Result<Vec<Outcome>, Error> {
        publisher.publish("out", values.join("+")).await?;
        let again = |value: &String| *value == "b" && attempt.0 == 1;
        let outcome = |it| if again(it) { Outcome::retry_after(5 * S) } else { Outcome::done() };
        Ok(values.iter().map(outcome).collect())
    }
    shows(Bug::TearBatch, Promise::ExactlyOnce, async || {
        let broker = Memory::new();
        produce(&broker, &["a", "b", "c"]);
        let subscriber = batch(decide).max_wait(10 * MS);
        let router = Router::new("g").exactly_once("id").subscribe("in", subscriber);
        let test = TestApp::start_on(broker.clone(), router).await;
        sleep(3 * S).await;
        let (results, committed) = (seen(&broker, "out"), test.committed("g", "in"));
        test.settle().await;
        test.stop().await.unwrap();

        let shown = results.iter().flat_map(|it| it.split('+')).count() as i64;
        kept(Promise::ExactlyOnce, shown <= committed, || {
            format!("{results:?} are there, and only {committed} are committed")
        })
    })
    .await;
}
