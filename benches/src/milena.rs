//! The measured jobs as services of Milena.

use crate::{
    client,
    job::{Job, Seen},
    payload::{Payment, change},
    topics::PAYMENTS,
    transactions::Every,
};
use anyhow::Context;
use bytes::Bytes;
use milena::{Batch, Json, Kafka, Key, Record, Router, State, batch, each, router::Concurrency};
use std::{hint::black_box, sync::Arc, time::Duration};
use tower::timeout::TimeoutLayer;

/// Counts what handlers handle; not a state, so that `consume` measures a handler without one.
static HANDLED: std::sync::OnceLock<Arc<Job>> = std::sync::OnceLock::new();

fn job() -> Arc<Job> {
    HANDLED.get_or_init(|| Arc::new(Job::new(PAYMENTS.records))).clone()
}

fn handled(records: u64) {
    if let Some(job) = HANDLED.get() {
        job.handled(records);
    }
}

/// How many calls there may be at once, where they are side by side.
const CALLS: usize = 16;

/// The handler of `consume`.
pub async fn look(Json(payment): Json<Payment>) {
    black_box(&payment);
    handled(1);
}

async fn look_with_state(Json(payment): Json<Payment>, State(job): State<Arc<Job>>) {
    black_box(&payment);
    job.handled(1);
}

async fn look_at_many(Batch(payments): Batch<Json<Payment>>) {
    black_box(&payments);
    handled(payments.len() as u64);
}

async fn tax(
    Json(payment): Json<Payment>,
    key: Option<Key<Bytes>>,
) -> (Option<Key<Bytes>>, Json<Payment>) {
    handled(1);
    (key, Json(change(payment)))
}

/// `each(handler)`.
pub async fn consume() -> anyhow::Result<Seen> {
    serve(Router::new(client::group()).subscribe(PAYMENTS.name, each(look))).await
}

/// `batch(handler)` of 500.
pub async fn consume_batch() -> anyhow::Result<Seen> {
    serve(
        Router::new(client::group()).subscribe(PAYMENTS.name, batch(look_at_many).max_records(500)),
    )
    .await
}

/// `each(handler)`, by key.
pub async fn keyed() -> anyhow::Result<Seen> {
    at_once(::milena::by_key(CALLS)).await
}

/// `each(handler)`, in no order.
pub async fn unordered() -> anyhow::Result<Seen> {
    at_once(::milena::unordered(CALLS)).await
}

async fn at_once(order: Concurrency) -> anyhow::Result<Seen> {
    serve(Router::new(client::group()).subscribe(PAYMENTS.name, each(look).concurrency(order)))
        .await
}

/// `each(handler)` with a layer and state.
pub async fn layered() -> anyhow::Result<Seen> {
    let subscriber = each(look_with_state).layer(TimeoutLayer::new(Duration::from_secs(10)));
    serve(Router::new(client::group()).subscribe(PAYMENTS.name, subscriber).with_state(job())).await
}

/// `each(handler).publish_to(topic)`: the service ends when everything is committed, behind its replies.
pub async fn pipeline(target: &str) -> anyhow::Result<Seen> {
    // The loop by hand adds no header, so neither does this.
    let subscriber = each(tax).publish_to(::milena::publish(target).bare());
    serve(Router::new(client::group()).subscribe(PAYMENTS.name, subscriber)).await?;
    job().finished().context("the job did not end")
}

/// The same, exactly once.
pub async fn transactions(target: &str, every: Every) -> anyhow::Result<Seen> {
    let subscriber = each(tax).publish_to(::milena::publish(target).bare());
    let router = Router::new(client::group()).exactly_once(client::group());
    let router = match every {
        Every::Time(time) => router.commit_interval(time),
        // By count alone.
        Every::Records(records) => {
            router.commit_interval(Duration::from_mins(1)).commit_every(records)
        }
    };
    serve(router.subscribe(PAYMENTS.name, subscriber)).await?;
    job().finished().context("the job did not end")
}

/// Runs the service until its handlers have handled all there is.
async fn serve(router: Router) -> anyhow::Result<Seen> {
    milena::serve(Kafka::new(client::brokers()?), router).with_shutdown(handled_all()).await?;
    seen()
}

/// Waits until the handlers have handled all there is.
pub fn handled_all() -> impl Future<Output = ()> + Send + 'static {
    let job = job();
    async move { job.done().await }
}

/// What was seen of that.
pub fn seen() -> anyhow::Result<Seen> {
    job().seen().context("the job did not end")
}

/// Handles each record of `topic` with `handler` until `stop` is ready.
pub async fn run<H, Fut>(
    topic: &str,
    handler: H,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()>
where
    H: Fn(Record) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let router = Router::new(client::group()).subscribe(topic, each(handler));
    milena::serve(Kafka::new(client::brokers()?), router).with_shutdown(stop).await?;
    Ok(())
}
