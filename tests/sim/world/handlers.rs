//! What the services of the simulation do: record and attempt decide what a call does.

use crate::plan::{Once, Order, Plan, Shape};
use fastrand::Rng;
use milena::{
    Batch, Error, Outcome, Record, Retry, Router, State, batch, by_key, each,
    error::{BoxError, ErrorKind},
    router::{Concurrency, Rebalance, RebalanceListener, TransactionalIds, by_partition},
    unordered,
};
use milena_check::History;
use milena_core::ProducerRecord;
use std::time::Duration;
use tokio::time::sleep;

/// A router for the member of this slot, as an instance of this name.
pub(crate) fn router(plan: &Plan, history: &History, slot: usize, name: &str) -> Router {
    let shape = &plan.shape;
    let retry = Retry::fixed(shape.attempts, Duration::from_millis(20));
    let mut router = Router::new("g")
        .layer_inner(history.attempts(name))
        .concurrency(concurrency(shape))
        .retry(retry)
        .dead_letter("dead")
        .commit_interval(Duration::from_millis(50));
    if shape.listens {
        router = router.on_rebalance(Slow);
    }
    router = match shape.once {
        Once::AtLeast => router,
        Once::ByMember => router.exactly_once(format!("id-{slot}")),
        Once::ByPartition => router.exactly_once(TransactionalIds::per_partition()),
    };
    let router = if shape.batches {
        let subscriber = batch(join).max_records(5).max_wait(Duration::from_millis(10));
        router.subscribe("in", subscriber)
    } else {
        router.subscribe("in", each(decide))
    };
    router.with_state(Dice { seed: plan.seed, slowest: shape.slowest })
}

fn concurrency(shape: &Shape) -> Concurrency {
    match shape.order {
        Order::Partition => by_partition(),
        Order::Key => by_key(4),
        Order::None => unordered(4),
    }
}

/// What a call does is the same whenever the seed is.
#[derive(Clone)]
struct Dice {
    seed: u64,
    slowest: u64,
}

impl Dice {
    async fn roll(&self, record: &Record) -> u8 {
        let at =
            u64::from(record.partition().unsigned_abs()) << 32 | record.offset().unsigned_abs();
        let mut rng = Rng::with_seed(self.seed ^ (at << 8) ^ u64::from(record.attempt()));
        if self.slowest > 0 {
            sleep(Duration::from_millis(rng.u64(0..self.slowest))).await;
        }
        rng.u8(0..100)
    }
}

fn failure() -> Error {
    Error::new(ErrorKind::Driver, "so the seed wants it")
}

async fn decide(record: Record, text: String, State(dice): State<Dice>) -> Result<Outcome, Error> {
    Ok(match dice.roll(&record).await {
        0..20 => return Err(failure()),
        20..25 => Outcome::dead_letter("so the seed wants it"),
        25..30 => Outcome::retry_after(Duration::from_millis(30)),
        30..35 => Outcome::skip("so the seed wants it"),
        _ => Outcome::done().publish(ProducerRecord::new("out").value(text)),
    })
}

async fn join(
    Batch(items): Batch<(Record, String)>,
    State(dice): State<Dice>,
) -> Result<Outcome, Error> {
    let Some((first, _)) = items.first() else { return Ok(Outcome::done()) };
    if dice.roll(first).await < 20 {
        return Err(failure());
    }
    let texts: Vec<_> = items.iter().map(|(_, text)| text.as_str()).collect();
    Ok(Outcome::done().publish(ProducerRecord::new("out").value(texts.join("+"))))
}

/// A listener that takes its time.
struct Slow;

impl RebalanceListener for Slow {
    async fn on_partitions_revoked(&self, _: Rebalance) -> Result<(), BoxError> {
        sleep(Duration::from_millis(7)).await;
        Ok(())
    }

    async fn on_partitions_assigned(&self, _: Rebalance) -> Result<(), BoxError> {
        sleep(Duration::from_millis(5)).await;
        Ok(())
    }
}
