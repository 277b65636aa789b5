//! Far more comes in than a service can take, in large records: what it holds stays within its bounds.

use super::child::{Process, orders, run};
use crate::faults::{service::until, view::View};
use crate::kit::{kafka, unique};
use bytes::Bytes;
use milena::{Record, Router, State, by_key, each};
use milena_core::{ProducerRecord, transport::Transport as _};
use milena_rdkafka::Kafka;
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

const PARTITIONS: i32 = 64;
const MIB: usize = 1 << 20;
/// Of the hot partition, which is the first, and of each of the others.
const RECORDS: (usize, usize) = (128, 8);
/// What the service below may hold of one partition: what waits in the client and the answer that fills
/// it, what is read ahead and the record that fills that.
const OF_PARTITION: usize = (1 + 1 + 2 + 1) * MIB;
/// What the process has anyway, and what the client has beside records.
const ANYWAY: usize = 96 * MIB;

const SETTINGS: [(&str, &str); 2] =
    [("segment.bytes", "16777216"), ("file.delete.delay.ms", "1000")];

/// How long it is looked at, and how long a call takes: `MILENA_ACCEPTANCE=1` is longer.
fn lengths() -> (Duration, &'static str) {
    let long = std::env::var_os("MILENA_ACCEPTANCE").is_some_and(|value| value == "1");
    if long { (Duration::from_secs(60), "1000") } else { (Duration::from_secs(10), "250") }
}

async fn sink(record: Record, State(takes): State<Duration>) {
    tokio::time::sleep(takes).await;
    println!("done {}/{}", record.partition(), record.offset());
}

/// Keeps the thread busy that everything of the service runs on.
async fn block(record: Record, State(takes): State<Duration>) {
    println!("blocks at {}", record.offset());
    std::thread::sleep(takes);
}

#[test]
fn a_sink_runs_when_it_is_asked_to() {
    let Some(orders) = orders() else { return };
    let kafka = Kafka::from_env()
        .unwrap()
        .set("queued.max.messages.kbytes", "1024")
        .set("fetch.max.bytes", "8388608")
        .set("session.timeout.ms", "6000")
        .set("max.poll.interval.ms", "8000");
    let takes = Duration::from_millis(orders["takes"].parse().unwrap());
    let router = Router::new(&*orders["group"])
        .subscribe(&*orders["topic"], each(sink).concurrency(by_key(8)))
        .buffer(1_000, MIB)
        .max_ahead(20_000, 2 * MIB)
        .drain_timeout(Duration::from_secs(5));
    run(kafka, router.with_state(takes), async |_| {});
}

#[test]
fn a_sink_blocks_when_it_is_asked_to() {
    let Some(orders) = orders() else { return };
    let takes = Duration::from_millis(orders["takes"].parse().unwrap());
    let router = Router::new(&*orders["group"]).subscribe(&*orders["topic"], each(block));
    run(Kafka::from_env().unwrap(), router.with_state(takes), async |_| {});
}

#[tokio::test]
async fn a_sink_that_is_far_too_slow_stays_small_and_a_member_and_starves_no_partition() {
    let Some(kafka) = kafka() else { return };
    let (view, group) = (View::shared(), unique("sink"));
    let source = view.topic("sink", PARTITIONS, &SETTINGS).await;
    let (length, takes) = lengths();
    fill(&kafka, &source, PARTITIONS, RECORDS.0).await;
    let orders = [("group", &*group), ("topic", &*source), ("takes", takes)];
    let start = Instant::now();
    let process = Process::start("faults::slow_sink::a_sink_runs_when_it_is_asked_to", &orders);
    process.says("assigned", 1).await;

    let (mut most, mut told) = (0, 0);
    while start.elapsed() < length {
        tokio::time::sleep(Duration::from_millis(100)).await;
        most = most.max(process.memory());
        if start.elapsed().as_secs() / 10 > told {
            told = start.elapsed().as_secs() / 10;
            tell(&process, start);
        }
    }
    until("each partition has its turn", async || partitions(&process).len() == 64).await;
    most = most.max(process.memory());
    let done = done(&process).len();
    let end = process.terminate().await;
    view.delete(&source).await;

    let all = RECORDS.0 + 63 * RECORDS.1;
    let bound = ANYWAY + OF_PARTITION * 64;
    println!(
        "F36: at most {} MiB of {} MiB allowed, {done} of {all} records of 1 MiB done, ended {:?} behind SIGTERM",
        most / MIB,
        bound / MIB,
        end.took
    );
    assert!(done < all, "it was not too slow: {done}");
    assert!(bound < all * MIB, "it could have held everything");
    assert!(most < bound, "{most}");
    assert_eq!(end.said("assigned").len(), 1, "{:#?}", end.lines);
    assert!(end.said("lost").is_empty() && end.said("trouble").is_empty(), "{:#?}", end.lines);
    assert_eq!(end.code, Some(0), "{:#?}", end.lines);
}

/// Nobody takes what the client has read, which is bounded all the same.
#[tokio::test]
async fn a_sink_whose_threads_are_all_blocked_reads_no_more_than_it_may_hold() {
    let Some(kafka) = kafka() else { return };
    let (view, group) = (View::shared(), unique("blocks"));
    let source = view.topic("blocks", 1, &SETTINGS).await;
    fill(&kafka, &source, 1, 240).await;
    let orders = [("group", &*group), ("topic", &*source), ("takes", "8000"), ("threads", "1")];
    let process = Process::start("faults::slow_sink::a_sink_blocks_when_it_is_asked_to", &orders);
    process.says("assigned", 1).await;
    let before = process.memory();
    process.says("blocks at", 1).await;

    // What waits in the client, the answer that fills it, what waits for the service, and room to turn in.
    let mut most = 0;
    while process.said("blocks at").len() < 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        most = most.max(process.memory());
    }
    view.delete(&source).await;

    println!(
        "F36: {} MiB before records came, at most {} MiB while the thread was blocked",
        before / MIB,
        most / MIB
    );
    assert!(most < before + 64 * MIB, "{before} {most}");
}

fn tell(process: &Process, start: Instant) {
    println!(
        "F36: RSS {} MiB after {} s, {} records done in {} partitions",
        process.memory() / MIB,
        start.elapsed().as_secs(),
        done(process).len(),
        partitions(process).len()
    );
}

/// The partitions of which records are done.
fn partitions(process: &Process) -> BTreeSet<String> {
    let partition = |line: String| line.split(['/', ' ']).nth(1).unwrap().to_owned();
    done(process).into_iter().map(partition).collect()
}

/// A line for each record that is done.
fn done(process: &Process) -> Vec<String> {
    let mut lines = process.said("done ");
    lines.retain(|line| line.starts_with("done "));
    lines
}

/// Writes records that cannot be made smaller, a few keys in each partition.
async fn fill(kafka: &Kafka, topic: &Arc<str>, partitions: i32, hot: usize) {
    let producer = kafka.producer().await.unwrap();
    let mut dice = 7_u64;
    let noise = |_| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        dice.to_le_bytes()
    };
    let value = Bytes::from_iter((0..(MIB - 4096) / 8).flat_map(noise));
    for number in 0..hot {
        let of_it = if number < RECORDS.1 { partitions } else { 1 };
        let record = |partition| {
            let record = ProducerRecord::new(topic.clone()).partition(partition);
            record.key(format!("k{}", number % 32)).value(value.clone())
        };
        producer.send_all((0..of_it).map(record).collect()).await.unwrap();
    }
}
