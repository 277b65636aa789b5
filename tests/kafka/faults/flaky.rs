use super::{
    service::{Service, until, write},
    view::View,
};
use crate::kit::{kafka, topic, unique};
use milena::{Record, Retry, Router, State, by_key, each, extract::Attempt};
use milena_core::{ProducerRecord, error::BoxError};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

const PARTITIONS: i32 = 4;
const RECORDS: usize = 800;
const ATTEMPTS: u32 = 6;
const FIRST: Duration = Duration::from_millis(40);

/// A call as it ended.
#[derive(Clone)]
struct Call {
    at: (i32, i64),
    key: String,
    attempt: u32,
    life: u64,
    times: (Instant, Instant),
    succeeded: bool,
}

#[derive(Clone, Default)]
struct Seen {
    calls: Arc<Mutex<Vec<Call>>>,
    life: Arc<AtomicU64>,
}

impl Seen {
    fn done(&self) -> BTreeSet<(i32, i64)> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|call| call.succeeded).map(|call| call.at).collect()
    }
}

/// Three of ten calls fail, whoever makes them, and a few records always.
async fn work(
    record: Record,
    Attempt(attempt): Attempt,
    State(seen): State<Seen>,
) -> Result<(), BoxError> {
    let (start, life) = (Instant::now(), seen.life.load(SeqCst));
    let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
    let at = (record.partition(), record.offset());
    tokio::time::sleep(Duration::from_millis(2)).await;
    let dice = [at.0.cast_unsigned().into(), at.1.cast_unsigned(), attempt.into(), life];
    let dice = dice.iter().fold(7_u64, |dice, it| {
        (dice ^ it).wrapping_mul(6_364_136_223_846_793_005).rotate_left(23)
    });
    let succeeded = !is_bad(&record) && (dice >> 32) % 10 >= 3;
    let times = (start, Instant::now());
    seen.calls.lock().unwrap().push(Call { at, key, attempt, life, times, succeeded });
    if succeeded { Ok(()) } else { Err("not now".into()) }
}

fn is_bad(record: &Record) -> bool {
    record.value() == Some(b"bad")
}

/// Three of ten are of the hot key of their partition.
fn records(topic: &Arc<str>) -> Vec<ProducerRecord> {
    let record = |number: usize| {
        let partition = i32::try_from(number).unwrap() % PARTITIONS;
        let of_it = number / PARTITIONS as usize;
        let key = if of_it % 10 < 3 { "hot".to_owned() } else { format!("k{}", of_it % 37) };
        let value = if number % 160 == 159 { "bad" } else { "good" };
        ProducerRecord::new(topic.clone()).partition(partition).key(key).value(value)
    };
    (0..RECORDS).map(record).collect()
}

#[tokio::test]
async fn failures_that_pass_hold_up_their_key_only_and_a_restart_loses_nothing() {
    let Some(kafka) = kafka() else { return };
    let (view, source) = (View::shared(), topic(&kafka, "flaky", PARTITIONS).await);
    let dead = topic(&kafka, "dead", PARTITIONS).await;
    let (group, seen) = (unique("flaky"), Seen::default());
    write(&kafka, records(&source)).await;
    let start = || {
        let retry = Retry::exponential(ATTEMPTS).starting_at(FIRST).at_most(4 * FIRST);
        let subscriber = each(work).concurrency(by_key(16)).retry(retry).dead_letter(dead.clone());
        let router = Router::new(group.clone()).subscribe(source.clone(), subscriber);
        Service::start(&kafka, router.with_state(seen.clone()))
    };
    let service = start();
    until("half is done", async || seen.done().len() > RECORDS / 3).await;
    service.stop().await.unwrap();
    let before = seen.done().len();
    seen.life.store(1, SeqCst);
    let service = start();
    let ends = view.ends(&source, PARTITIONS).await;
    until("all is done", async || view.committed(&group, &source, PARTITIONS).await == ends).await;
    service.stop().await.unwrap();

    let letters = view.records(&dead).await.len();
    let mut calls = seen.calls.lock().unwrap().clone();
    calls.sort_by_key(|call| call.times.0);
    let failed = calls.iter().filter(|call| !call.succeeded).count();
    let most = calls.iter().map(|call| call.attempt).max().unwrap();
    let waits = check_keys(&calls);
    println!(
        "F31: {} calls with {RECORDS} records, {failed} failed, {most} attempts at most, {letters} dead letters, \
         restarted when {before} were done, {waits} calls with other keys while one waited",
        calls.len()
    );
    assert!(failed > calls.len() / 5 && before < RECORDS, "the fault did not happen");
    assert_eq!(most, ATTEMPTS);
    let failed = calls.iter().filter(|call| call.attempt == ATTEMPTS && !call.succeeded);
    let failed: BTreeSet<_> = failed.map(|call| call.at).collect();
    assert_eq!(seen.done().union(&failed).count(), RECORDS, "nothing is lost");
    assert!(letters >= failed.len() && !failed.is_empty());
    assert!(waits > 100, "the others run: {waits}");
}

/// Each key is worked on in order, and waits while one of its records does. Says how many calls others
/// had in those times.
fn check_keys(calls: &[Call]) -> usize {
    let mut keys = BTreeMap::<_, Vec<&Call>>::new();
    for call in calls {
        keys.entry((call.life, call.at.0, &call.key)).or_default().push(call);
    }
    let mut others = 0;
    for ((life, partition, key), calls_of_it) in &keys {
        for pair in calls_of_it.windows(2) {
            let (call, next) = (pair[0], pair[1]);
            let name = format!("{partition}/{key}: {:?} before {:?}", call.at, next.at);
            assert!(call.times.1 <= next.times.0, "{name}: two calls at once");
            if call.succeeded || call.attempt == ATTEMPTS {
                assert!(call.at < next.at, "{name}: the order of the log");
                assert_eq!(next.attempt, 1, "{name}");
                continue;
            }
            assert_eq!((next.at, next.attempt), (call.at, call.attempt + 1), "{name}: it waits");
            let delay = (FIRST * 2_u32.pow(call.attempt - 1)).min(4 * FIRST);
            let waited = next.times.0 - call.times.1;
            assert!(waited + Duration::from_millis(2) >= delay / 2, "{name}: {waited:?}");
            others += calls
                .iter()
                .filter(|it| it.at.0 == *partition && it.life == *life && it.key != **key)
                .filter(|it| (call.times.1..next.times.0).contains(&it.times.0))
                .count();
        }
    }
    others
}
