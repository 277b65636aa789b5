//! A bit of everything for as long as one likes: members stop, die and freeze, the broker dies, calls fail or take
//! their time, partitions are paused, all by the dice of a seed.

mod checks;
mod dice;
mod gauges;
mod journal;
mod member;
mod mix;
mod planted;
mod records;

use self::{
    checks::{Checker, Mark},
    dice::seed,
    journal::{Call, History, nanos},
    mix::{Fired, Mix},
    records::{At, Writer, settled},
};
use super::view::View;
use crate::kit::kafka;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// How much is done: `MILENA_ACCEPTANCE=1` does it for as many seconds as `MILENA_SOAK_SECONDS` says, or 20 minutes.
struct Size {
    long: bool,
    length: Duration,
    partitions: i32,
    /// The time between two faults, in milliseconds.
    calm: std::ops::Range<u64>,
    /// How often it is looked at what is committed.
    looks: Duration,
}

fn size() -> Size {
    let long = std::env::var_os("MILENA_ACCEPTANCE").is_some_and(|value| value == "1");
    let seconds = std::env::var("MILENA_SOAK_SECONDS").ok().map(|it| it.parse().unwrap());
    let (usual, partitions, calm) =
        if long { (1200, 200, 3_000..12_000) } else { (5, 24, 300..900) };
    let length = Duration::from_secs(seconds.filter(|_| long).unwrap_or(usual));
    Size { long, length, partitions, calm, looks: Duration::from_secs(if long { 3 } else { 1 }) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bit_of_everything_loses_nothing_keeps_the_order_of_keys_and_stays_small() {
    if kafka().is_none() {
        return;
    }
    let (size, seed) = (size(), seed());
    println!(
        "F44: MILENA_SOAK_SEED={seed}, {} s, {} partitions",
        size.length.as_secs(),
        size.partitions
    );
    let mut mix = Mix::begin(seed, size.partitions).await;
    let writer = Writer::start(&mix.kafka, &mix.source);
    let marks = Marks::take(&mix, &size);
    mix.run(&size, &writer.written).await;
    let written = writer.stop().await;
    let (calm, view) = (Instant::now(), mix.view.clone());
    mix.wait_until_done(size.partitions).await;
    let calmed = calm.elapsed();
    let marks = marks.end().await;
    let replies = (&*mix.replies.clone(), &*mix.dead.clone());
    let (history, fired, longest) = mix.end().await;
    let letters = settled(&view, &written, replies).await;
    mix.gauges.check(size.long);
    tell(&history, &fired, (&written, letters));
    let (faults, told) = Checker::new(&history).check(&written, &marks, &fired.outages);
    println!(
        "F44: {faults:?}; {told:?}; {} looks at what is committed; all done {calmed:?} behind the last fault; \
         the longest end {longest:?}",
        marks.len()
    );
    assert_eq!(faults, checks::Faults::default());
    assert!(longest < Duration::from_secs(30), "{longest:?}");
    mix.clear();
}

/// Says how often everything fired, which all of it has to.
fn tell(history: &History, fired: &Fired, (written, letters): (&BTreeMap<At, u64>, usize)) {
    let count = |is: &dyn Fn(&Call) -> bool| history.calls.iter().filter(|call| is(call)).count();
    let failed = count(&|call| call.succeeded == Some(false));
    let slow = count(&|call| call.over - call.start > 500_000_000);
    let pauses = history.pauses.len();
    println!(
        "F44: {} records, {} calls, {} times a member had a partition; fired: {} members stopped and replaced, \
         {} killed, {} frozen past their session, {} kills of the broker, {failed} calls failed, {letters} dead \
         letters, {slow} calls slow, {pauses} pauses; all members",
        written.len(),
        history.calls.len(),
        history.stays.len(),
        fired.stops,
        fired.kills,
        fired.freezes,
        fired.outages.len(),
    );
    let all = [fired.stops, fired.kills, fired.freezes, fired.outages.len(), failed, slow, pauses];
    assert!(all.iter().all(|it| *it > 0) && letters > 0, "not everything happened: {all:?}");
}

/// Looks at what is committed, again and again.
struct Marks {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Vec<Mark>>,
}

impl Marks {
    fn take(mix: &Mix, size: &Size) -> Self {
        let (stop, view) = (Arc::<AtomicBool>::default(), mix.view.clone());
        let (group, source, ends) = (mix.group.clone(), mix.source.clone(), stop.clone());
        let (partitions, looks) = (size.partitions, size.looks);
        let task = tokio::spawn(async move {
            let mut marks = Vec::new();
            while !ends.load(SeqCst) {
                marks.push(look(&view, (&group, &source), partitions).await);
                tokio::time::sleep(looks).await;
            }
            marks
        });
        Self { stop, task }
    }

    async fn end(self) -> Vec<Mark> {
        self.stop.store(true, SeqCst);
        self.task.await.unwrap()
    }
}

async fn look(view: &View, (group, topic): (&str, &str), partitions: i32) -> Mark {
    let committed = view.committed(group, topic, partitions).await;
    let committed = committed.into_iter().map(|offset| offset.unwrap_or(0)).collect();
    Mark { at: nanos(), committed }
}
