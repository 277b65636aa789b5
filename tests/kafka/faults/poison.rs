//! Records that cannot be decoded, at the head of a partition that has most of the traffic.

use super::{
    logs::Logs,
    service::{Service, until, write},
    view::{View, headers},
};
use crate::kit::{kafka, topic, unique};
use bytes::Bytes;
use milena::{
    Json, Key, Router, State, each,
    error::BoxError,
    extract::{FromHeader, Header, Metadata},
    router::Breaker,
};
use milena_core::{Headers, ProducerRecord};
use rdkafka::message::Message as _;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

const PARTITIONS: i32 = 4;
/// Of the hot partition, which is the first, and of each of the others.
const RECORDS: (usize, usize) = (800, 80);
/// A tenth of the traffic: all of it at the head of the hot partition.
const POISON: usize = (RECORDS.0 + 3 * RECORDS.1) / 10;

struct Count(#[expect(dead_code, reason = "only that it can be decoded matters")] u32);

impl FromHeader for Count {
    const NAME: &'static str = "count";

    fn from_header(value: &[u8]) -> Result<Self, BoxError> {
        Ok(Self(str::from_utf8(value)?.parse()?))
    }
}

/// How many records of each partition were understood.
type Understood = Arc<Mutex<BTreeMap<i32, usize>>>;

async fn read(
    _: (Key<u64>, Header<Count>),
    Json(_): Json<u64>,
    at: Metadata,
    State(understood): State<Understood>,
) {
    *understood.lock().unwrap().entry(at.partition).or_default() += 1;
}

/// A record that is understood, or one with a key, a header, or a value that is not.
fn record(topic: &Arc<str>, number: usize, poison: bool) -> ProducerRecord {
    let bad = if poison { number % 3 } else { 3 };
    let (key, count, value): (&[u8], &[u8], &[u8]) = match bad {
        0 => (b"\xff short", b"1", b"7"),
        1 => (&[0; 8], b"\xfe\xff", b"7"),
        2 => (&[0; 8], b"1", b"\xff\0 no number"),
        _ => (&[0; 8], b"1", b"7"),
    };
    ProducerRecord {
        key: Some(Bytes::copy_from_slice(key)),
        value: Some(Bytes::copy_from_slice(value)),
        headers: Headers::new().with("n", number.to_string()).with("count", count),
        ..ProducerRecord::new(topic.clone())
    }
}

fn records(topic: &Arc<str>, poison: impl Fn(usize) -> bool) -> Vec<ProducerRecord> {
    let hot = (0..RECORDS.0).map(|number| record(topic, number, poison(number)).partition(0));
    let others = (1..PARTITIONS).flat_map(|partition| {
        (0..RECORDS.1).map(move |number| record(topic, number, false).partition(partition))
    });
    hot.chain(others).collect()
}

/// What became of a topic.
struct Fate {
    letters: usize,
    understood: BTreeMap<i32, usize>,
    logs: Logs,
}

/// Serves these records to their end, and holds each dead letter against its record.
async fn serve(poison: impl Fn(usize) -> bool, breaker: Breaker) -> Option<Fate> {
    let kafka = kafka()?;
    let (view, understood, logs) = (View::shared(), Understood::default(), Logs::default());
    let _listening = logs.listen();
    let source = topic(&kafka, "poison", PARTITIONS).await;
    let dead = topic(&kafka, "dead", PARTITIONS).await;
    write(&kafka, records(&source, poison)).await;
    let group = unique("poison");
    let subscriber = each(read).dead_letter(dead.clone()).breaker(breaker);
    let router = Router::new(group.clone()).subscribe(source.clone(), subscriber);
    let service = Service::start(&kafka, router.with_state(understood.clone()));
    let ends = view.ends(&source, PARTITIONS).await;
    until("all is done", async || view.committed(&group, &source, PARTITIONS).await == ends).await;
    service.stop().await.unwrap();

    let (sources, letters) = (view.records(&source).await, view.records(&dead).await);
    for letter in &letters {
        let from = headers(letter);
        let number = |name: &str| {
            let value = &from.iter().find(|(key, _)| key == name).unwrap().1;
            str::from_utf8(value.as_ref().unwrap()).unwrap().parse::<i64>().unwrap()
        };
        let at = (number("milena-dead-letter-partition"), number("milena-dead-letter-offset"));
        let of_it =
            |it: &&rdkafka::message::OwnedMessage| (i64::from(it.partition()), it.offset()) == at;
        let record = sources.iter().find(of_it).expect("it was there");
        assert_eq!((letter.key(), letter.payload()), (record.key(), record.payload()), "{at:?}");
        assert_eq!(from[..2], headers(record), "{at:?}");
    }
    let understood = understood.lock().unwrap().clone();
    Some(Fate { letters: letters.len(), understood, logs })
}

/// How many of each partition are understood when no more than the poison is not.
fn all_others() -> BTreeMap<i32, usize> {
    let mut all: BTreeMap<_, _> = (1..PARTITIONS).map(|it| (it, RECORDS.1)).collect();
    all.insert(0, RECORDS.0 - POISON);
    all
}

#[tokio::test]
async fn poison_at_the_head_of_a_hot_partition_is_dead_letters_and_in_nobodys_way() {
    // One more would not be a tenth; one less in a row than what opens it.
    let breaker = Breaker::default().in_a_row(POISON + 1).share(1.0, POISON + 1);
    let Some(fate) = serve(|number| number < POISON, breaker).await else { return };

    println!("F29: {} dead letters byte for byte, others {:?}", fate.letters, fate.understood);
    assert_eq!((fate.letters, fate.understood), (POISON, all_others()));
    assert!(fate.logs.lines("circuit breaker").is_empty());
}

#[tokio::test]
async fn poison_that_is_a_tenth_of_the_traffic_opens_a_breaker_for_a_tenth_and_costs_no_other() {
    // All of the poison is at the head: the share is reached long before that is over.
    let breaker = Breaker::default().in_a_row(1000).share(0.1, 200);
    let breaker = breaker.cool_down(Duration::from_millis(100));
    let Some(fate) = serve(|number| number < POISON, breaker).await else { return };

    let opened = fate.logs.lines("the circuit breaker is open");
    let stayed = fate.logs.lines("stays open").len();
    println!("F29: {}", opened[0]);
    println!(
        "F29: opened {} times, stayed open {stayed} times, {} dead letters, others {:?}",
        opened.len(),
        fate.letters,
        fate.understood
    );
    assert!(opened[0].contains("too_many=20 of 200"), "{}", opened[0]);
    assert_eq!((fate.letters, fate.understood), (POISON, all_others()));
}
