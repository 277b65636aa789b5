//! What the services of the simulation do: record and attempt decide what a call does.

use super::plan::{Once, Order, Plan, Shape};
use fastrand::Rng;
use milena::{
    Batch, Error, Outcome, Publisher, Record, Retry, Router, State, batch, by_key, each,
    error::{BoxError, ErrorKind},
    record::Headers,
    router::{Concurrency, Rebalance, RebalanceListener, TransactionalIds, by_partition},
    unordered,
};
use milena_check::{BESIDE, History, beside};
use milena_core::{ProducerRecord, handler::Decision};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::sleep;

/// How long it takes until a call that failed is made again.
pub(crate) const DELAY: Duration = Duration::from_millis(20);

/// A router for the member of this slot, as an instance of this name.
pub(crate) fn router(dice: &Dice, history: &History, slot: usize, name: &str) -> Router {
    let shape = &dice.shape;
    let retry = Retry::fixed(shape.attempts, DELAY);
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
    router.with_state(dice.clone())
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
pub(crate) struct Dice {
    seed: u64,
    shape: Shape,
    /// The records before which a service stopped: behind its restart they are worked on.
    stopped: Arc<Mutex<BTreeSet<(i32, i64)>>>,
}

impl Dice {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { seed: plan.seed, shape: plan.shape.clone(), stopped: Arc::default() }
    }

    fn of(&self, record: &Record) -> Rng {
        let at =
            u64::from(record.partition().unsigned_abs()) << 32 | record.offset().unsigned_abs();
        Rng::with_seed(self.seed ^ (at << 8) ^ u64::from(record.attempt()))
    }

    async fn roll(&self, record: &Record) -> u8 {
        let mut rng = self.of(record);
        if self.shape.slowest > 0 {
            sleep(Duration::from_millis(rng.u64(0..self.shape.slowest))).await;
        }
        rng.u8(0..100)
    }

    fn stops(&self, record: &Record) -> bool {
        self.stopped.lock().unwrap().insert((record.partition(), record.offset()))
    }

    /// What becomes of a record of a batch of which not all are done.
    fn outcome(&self, record: &Record) -> Outcome {
        let mut rng = self.of(record);
        let delay = Duration::from_millis(rng.u64(10..400));
        if rng.bool() { Outcome::retry_after(delay) } else { Outcome::done() }
    }
}

fn failure() -> Error {
    Error::new(ErrorKind::Driver, "so the seed wants it")
}

async fn decide(
    record: Record,
    text: String,
    publisher: Publisher,
    State(dice): State<Dice>,
) -> Result<Outcome, Error> {
    if dice.shape.once != Once::AtLeast {
        let beside = Headers::new().with(BESIDE, beside(&record));
        publisher.publish("aside", (beside, text.clone())).await?;
    }
    Ok(match dice.roll(&record).await {
        0..20 => return Err(failure()),
        20..25 => Outcome::dead_letter("so the seed wants it"),
        25..30 => Outcome::retry_after(Duration::from_millis(30)),
        30..35 => Outcome::skip("so the seed wants it"),
        35..37 if dice.stops(&record) => Outcome::stop("so the seed wants it"),
        _ => Outcome::done().publish(ProducerRecord::new("out").value(text)),
    })
}

async fn join(
    Batch(items): Batch<(Record, String)>,
    State(dice): State<Dice>,
) -> Result<Outcome, Error> {
    let Some((first, _)) = items.first() else { return Ok(Outcome::done()) };
    let each = match dice.roll(first).await {
        0..20 => return Err(failure()),
        20..45 => Decision::OfEach(items.iter().map(|(it, _)| dice.outcome(it)).collect()),
        _ => Decision::Done,
    };
    let texts: Vec<_> = items.iter().map(|(_, text)| text.as_str()).collect();
    let result = ProducerRecord::new("out").value(texts.join("+"));
    Ok(Outcome::from(each).publish(result))
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
