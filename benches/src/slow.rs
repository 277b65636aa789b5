//! Many calls that take their time, on one partition.

use crate::{
    client,
    job::{Job, Seen},
    topics::ERRANDS,
};
use anyhow::Context;
use milena::{Kafka, Router, State, each, router::Concurrency};
use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// How many calls there may be at once.
pub const CALLS: usize = 1000;
const MOST: Duration = Duration::from_millis(5);

/// How long all calls take, from the first poll of the first to the end of the last.
pub async fn run(order: Concurrency) -> anyhow::Result<Seen> {
    let job = Arc::new(Job::new(ERRANDS.records));
    let done = job.clone();
    let router = Router::new(client::group())
        .subscribe(ERRANDS.name, each(sleep).concurrency(order))
        .with_state(job.clone());
    milena::serve(Kafka::new(client::brokers()?), router)
        .with_shutdown(async move { done.done().await })
        .await?;
    let seen = job.seen().context("the job did not end")?;
    Ok(Seen { figures: vec![("seconds".into(), seen.seconds)], ..seen })
}

async fn sleep(State(job): State<Arc<Job>>) {
    job.begin();
    // Each of these hashes differently.
    let random = RandomState::new().hash_one(()) >> 32;
    tokio::time::sleep(MOST.mul_f64(random as f64 / f64::from(u32::MAX))).await;
    job.handled(1);
}
