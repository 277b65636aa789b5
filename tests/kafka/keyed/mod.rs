//! Processes that work by key while others come and go: no two calls of one key at once, anywhere.

mod calls;
mod killed;
mod worker;

use self::calls::{At, Faults};
pub(crate) use self::{calls::read, worker::Worker};
use crate::kit::{ask, kafka, topic, unique};
use milena_core::{ProducerRecord, transport::Transport as _};
use milena_rdkafka::Kafka;
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

const PARTITIONS: i32 = 12;
const KEYS: u64 = 300;
/// As many records are written at once, this often.
const BURST: u64 = 50;
const PAUSE: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_worked_on_in_order_and_one_at_a_time_while_processes_come_and_go() {
    churn("cooperative-sticky", &[("partition.assignment.strategy", "cooperative-sticky")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_worked_on_in_order_and_one_at_a_time_when_everything_is_revoked() {
    churn("range", &[("partition.assignment.strategy", "range")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_worked_on_in_order_and_one_at_a_time_where_the_broker_assigns() {
    churn("consumer", &[("group.protocol", "consumer")]).await;
}

/// For how long processes come and go: `MILENA_ACCEPTANCE=1` is longer.
fn length() -> Duration {
    let long = std::env::var_os("MILENA_ACCEPTANCE").is_some_and(|value| value == "1");
    Duration::from_secs(if long { 60 } else { 10 })
}

async fn churn(name: &str, options: &[(&str, &str)]) {
    let Some(kafka) = kafka() else { return };
    let (group, source) = (unique("keyed"), topic(&kafka, "keyed", PARTITIONS).await);
    let dir = std::env::temp_dir().join(&*unique("keyed-calls"));
    std::fs::create_dir_all(&dir).unwrap();
    let mut started = 0;
    let mut start = || {
        started += 1;
        Worker::start(&group, &source, options, &dir.join(format!("{started}.log")))
    };
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write(kafka.clone(), source.clone(), stop.clone()));
    let mut workers: VecDeque<_> = (0..3).map(|_| start()).collect();
    let mut logs: Vec<PathBuf> = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < length() {
        tokio::time::sleep(Duration::from_secs(2)).await;
        workers.push_back(start());
        let oldest = workers.pop_front().unwrap();
        logs.push(tokio::task::spawn_blocking(|| oldest.terminate()).await.unwrap());
    }
    stop.store(true, SeqCst);
    let written = writing.await.unwrap();
    wait_until_done(&group, &source).await;
    for worker in workers {
        logs.push(tokio::task::spawn_blocking(|| worker.terminate()).await.unwrap());
    }

    let calls = calls::read(&logs);
    let faults = calls::check(&calls, &written);
    let workers = logs.iter().filter(|log| log.metadata().unwrap().len() > 0).count();
    println!(
        "{name}: {} records, {} processes, of which {workers} had work: {faults:?}",
        written.len(),
        logs.len()
    );
    assert_eq!(faults, Faults::default());
    assert!(workers > 3, "nothing was handed over");
    std::fs::remove_dir_all(dir).unwrap();
}

/// Writes records of many keys until it is told to stop, and says where they stand.
async fn write(kafka: Kafka, topic: Arc<str>, stop: Arc<AtomicBool>) -> BTreeSet<At> {
    let producer = kafka.producer().await.unwrap();
    let (mut written, mut next) = (BTreeSet::new(), 0);
    while !stop.load(SeqCst) {
        let record = |number: u64| {
            let key = format!("k{}", number.wrapping_mul(31) % KEYS);
            ProducerRecord::new(topic.clone()).key(key).value(number.to_string())
        };
        let sent = producer.send_all((next..next + BURST).map(record).collect()).await.unwrap();
        written.extend(sent.into_iter().map(|it| (it.partition, it.offset)));
        next += BURST;
        tokio::time::sleep(PAUSE).await;
    }
    written
}

/// Waits until the group has committed everything.
async fn wait_until_done(group: &str, topic: &Arc<str>) {
    let (client, topic) = (client(group), topic.clone());
    let wait = move || {
        let (within, start) = (Duration::from_secs(10), Instant::now());
        loop {
            let committed = committed(&client, &topic);
            let done = committed.iter().all(|(partition, offset)| {
                let (_, end) = ask(|| client.fetch_watermarks(&topic, *partition, within));
                *offset == end
            });
            if done {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(120), "not done: {committed:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    tokio::task::spawn_blocking(wait).await.unwrap();
}

/// One that asks for what a group has committed.
fn client(group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", std::env::var("KAFKA_BROKERS").unwrap())
        .set("group.id", group)
        .create()
        .unwrap()
}

/// What is committed of each partition; 0 where nothing is.
fn committed(client: &BaseConsumer, topic: &Arc<str>) -> HashMap<i32, i64> {
    let mut list = rdkafka::TopicPartitionList::new();
    (0..PARTITIONS).for_each(|partition| {
        list.add_partition(topic, partition);
    });
    let within = Duration::from_secs(10);
    let committed = ask(|| client.committed_offsets(list.clone(), within));
    let offset = |at: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        (at.partition(), at.offset().to_raw().unwrap_or(0).max(0))
    };
    committed.elements().iter().map(offset).collect()
}
