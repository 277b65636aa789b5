use super::{
    service::{Service, until},
    view::View,
};
use crate::kit::{STUCK, kafka, topic, unique};
use milena::{
    Record, Router, State, by_key, each,
    router::{Rebalance, on_assigned},
};
use milena_core::{ProducerRecord, error::BoxError, transport::Transport as _};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

const PARTITIONS: i32 = 8;
const MEMBERS: usize = 12;
const KEYS: usize = 100;

/// How long the storm is: `MILENA_ACCEPTANCE=1` is longer.
fn length() -> Duration {
    let long = std::env::var_os("MILENA_ACCEPTANCE").is_some_and(|value| value == "1");
    Duration::from_secs(if long { 60 } else { 12 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_come_and_go_all_the_time_lose_and_repeat_nothing_when_all_is_revoked() {
    let options = |kafka: Kafka| kafka.set("partition.assignment.strategy", "range");
    storm("range", |kafka| options(kafka).set("heartbeat.interval.ms", "200")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_come_and_go_all_the_time_lose_and_repeat_nothing() {
    storm("cooperative-sticky", |kafka| kafka.set("heartbeat.interval.ms", "200")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_come_and_go_all_the_time_lose_and_repeat_nothing_where_the_broker_assigns() {
    storm("consumer", |kafka| kafka.group_protocol(GroupProtocol::Consumer)).await;
}

/// What the members of a group did.
#[derive(Clone, Default)]
struct Floor {
    at_work: Arc<Mutex<HashMap<(i32, Vec<u8>), usize>>>,
    done: Arc<Mutex<HashMap<(i32, i64), usize>>>,
    overlaps: Arc<AtomicUsize>,
    rebalances: Arc<AtomicUsize>,
}

async fn work(record: Record, State(floor): State<Floor>) {
    let key = (record.partition(), record.key().unwrap_or_default().to_vec());
    let before =
        *floor.at_work.lock().unwrap().entry(key.clone()).and_modify(|it| *it += 1).or_insert(1);
    floor.overlaps.fetch_add(usize::from(before > 1), SeqCst);
    tokio::time::sleep(Duration::from_millis(record.offset().rem_euclid(20).unsigned_abs())).await;
    *floor.at_work.lock().unwrap().get_mut(&key).unwrap() -= 1;
    *floor.done.lock().unwrap().entry((record.partition(), record.offset())).or_default() += 1;
}

async fn storm(name: &str, with: impl Fn(Kafka) -> Kafka) {
    let Some(kafka) = kafka() else { return };
    let kafka = with(kafka);
    let (view, group, floor) = (View::shared(), unique("storm"), Floor::default());
    let source = topic(&kafka, "storm", PARTITIONS).await;
    let start = || {
        let rebalances = floor.rebalances.clone();
        let count = on_assigned(move |_: Rebalance| {
            rebalances.fetch_add(1, SeqCst);
            async { Ok::<_, BoxError>(()) }
        });
        let router = Router::new(group.clone())
            .subscribe(source.clone(), each(work).concurrency(by_key(64)))
            .on_rebalance(count);
        Service::start(&kafka, router.with_state(floor.clone()))
    };
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write(kafka.clone(), source.clone(), stop.clone()));
    let (mut services, mut leaving, mut dice) = (vec![start()], Vec::new(), 7u64);
    let begin = Instant::now();
    while begin.elapsed() < length() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if services.len() < 2 || (services.len() < MEMBERS && dice >> 63 == 0) {
            services.push(start());
        } else {
            let place = (dice >> 32) as usize % services.len();
            leaving.push(tokio::spawn(services.swap_remove(place).stop()));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stop.store(true, SeqCst);
    let written = writing.await.unwrap();
    for left in leaving {
        left.await.unwrap().unwrap();
    }
    let calm = Instant::now();
    let ends = view.ends(&source, PARTITIONS).await;
    until("all is done", async || view.committed(&group, &source, PARTITIONS).await == ends).await;
    let calmed = calm.elapsed();
    for service in services {
        service.stop().await.unwrap();
    }

    let done = floor.done.lock().unwrap();
    let lost = written.iter().filter(|at| !done.contains_key(at)).count();
    let again: usize = done.values().map(|times| times - 1).sum();
    let (overlaps, rebalances) = (floor.overlaps.load(SeqCst), floor.rebalances.load(SeqCst));
    println!(
        "{name}: {} records, {rebalances} assignments, lost {lost}, again {again}, overlaps {overlaps}, done {calmed:?} \
         behind the storm",
        written.len()
    );
    assert_eq!((lost, again, overlaps), (0, 0, 0));
    assert!(rebalances > length().as_secs() as usize, "the storm was none: {rebalances}");
}

/// Writes records of many keys until it is told to stop, and says where they stand.
async fn write(kafka: Kafka, topic: Arc<str>, stop: Arc<AtomicBool>) -> HashSet<(i32, i64)> {
    let producer = kafka.producer().await.unwrap();
    let (mut written, mut next) = (HashSet::new(), 0);
    while !stop.load(SeqCst) {
        let record = |number: usize| {
            ProducerRecord::new(topic.clone()).key(format!("k{}", number % KEYS)).value("x")
        };
        let sent = producer.send_all((next..next + 40).map(record).collect());
        let sent = tokio::time::timeout(STUCK, sent).await.expect("nothing is stuck").unwrap();
        written.extend(sent.into_iter().map(|it| (it.partition, it.offset)));
        next += 40;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    written
}
