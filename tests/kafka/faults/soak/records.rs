//! The records that are written: everything of one follows from its number.

use super::dice::spread;
use crate::faults::view::{Header, View, headers, text};
use milena_core::{Headers, ProducerRecord, transport::Transport as _};
use milena_rdkafka::Kafka;
use rdkafka::message::{Message as _, OwnedMessage};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

/// Where a record stands.
pub(super) type At = (i32, i64);

const KEYS: u64 = 100_000;
/// A fifth of the records are of one of these keys.
const HOT: u64 = 40;
/// Calls with one of so many records fail whenever they are made, and with another one they take long.
const BAD: u64 = 150;
/// As many records are written at once, this often.
const BURST: u64 = 60;
const PAUSE: Duration = Duration::from_millis(200);

pub(super) fn is_bad(number: u64) -> bool {
    number % BAD == 23
}

pub(super) fn is_slow(number: u64) -> bool {
    number % BAD == 50
}

fn key(number: u64) -> String {
    let dice = spread(number);
    if dice.is_multiple_of(5) {
        format!("h{}", (dice >> 8) % HOT)
    } else {
        format!("k{}", (dice >> 8) % KEYS)
    }
}

/// The number, and as many bytes behind it as chance has it.
fn value(number: u64) -> Vec<u8> {
    let noise = (0..spread(number) % 300).map(|it| spread(it ^ number) as u8);
    format!("{number} ").into_bytes().into_iter().chain(noise).collect()
}

/// The number of a record with this value.
pub(super) fn number(value: &[u8]) -> u64 {
    let end = value.iter().position(|byte| *byte == b' ').expect("a number comes first");
    str::from_utf8(&value[..end]).unwrap().parse().unwrap()
}

fn record(topic: &Arc<str>, number: u64) -> ProducerRecord {
    let headers = Headers::new().with("number", number.to_string()).with("none", None::<&str>);
    let record = ProducerRecord::new(topic.clone()).key(key(number)).value(value(number));
    ProducerRecord { headers: headers.with("noise", &[0, 255, 7][..]), ..record }
}

/// What writes until it is told to stop, and then says where each number stands.
pub(super) struct Writer {
    pub(super) written: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<BTreeMap<At, u64>>,
}

impl Writer {
    pub(super) fn start(kafka: &Kafka, topic: &Arc<str>) -> Self {
        let (written, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let task = write(kafka.clone(), topic.clone(), (written.clone(), stop.clone()));
        Self { written, stop, task: tokio::spawn(task) }
    }

    pub(super) async fn stop(self) -> BTreeMap<At, u64> {
        self.stop.store(true, SeqCst);
        self.task.await.unwrap()
    }
}

async fn write(
    kafka: Kafka,
    topic: Arc<str>,
    (written, stop): (Arc<AtomicU64>, Arc<AtomicBool>),
) -> BTreeMap<At, u64> {
    let producer = kafka.producer().await.unwrap();
    let (mut places, mut next) = (BTreeMap::new(), 0);
    while !stop.load(SeqCst) {
        let records = (next..next + BURST).map(|number| record(&topic, number)).collect();
        let sent = producer.send_all(records).await.unwrap();
        places.extend(sent.into_iter().map(|it| (it.partition, it.offset)).zip(next..));
        next += BURST;
        written.store(next, SeqCst);
        tokio::time::sleep(PAUSE).await;
    }
    places
}

/// What came of these records: none is missing among replies and dead letters, and each letter is its record.
/// Says how many letters there are.
pub(super) async fn settled(
    view: &View,
    written: &BTreeMap<At, u64>,
    (replies, dead): (&str, &str),
) -> usize {
    let replied = view.values(replies).await;
    let replied: BTreeSet<u64> = replied.into_iter().map(|it| it.parse().unwrap()).collect();
    let letters = view.records(dead).await;
    let dead: BTreeSet<_> = letters.iter().map(|letter| check_letter(letter, written)).collect();
    let lost: Vec<_> = written
        .values()
        .filter(|number| !if is_bad(**number) { &dead } else { &replied }.contains(number))
        .collect();
    assert!(lost.is_empty(), "{} lost, such as {:?}", lost.len(), &lost[..lost.len().min(9)]);
    assert!(dead.iter().all(|number| is_bad(*number)), "good ones among the dead: {dead:?}");
    letters.len()
}

/// A dead letter is its record, byte for byte, and tells where that stands. Says its number.
fn check_letter(letter: &OwnedMessage, written: &BTreeMap<At, u64>) -> u64 {
    let of_letter = headers(letter);
    let told = |name: &str| {
        let name = format!("milena-dead-letter-{name}");
        let (_, value) = of_letter.iter().find(|(header, _)| *header == name).unwrap();
        text(value.as_deref())
    };
    let at = (told("partition").parse().unwrap(), told("offset").parse().unwrap());
    let number = written[&at];
    let own: [Header; 3] = [
        ("number".to_owned(), Some(number.to_string().into_bytes())),
        ("none".to_owned(), None),
        ("noise".to_owned(), Some(vec![0, 255, 7])),
    ];
    assert_eq!(letter.key(), Some(key(number).as_bytes()), "{at:?}");
    assert_eq!(letter.payload(), Some(&*value(number)), "{at:?}");
    assert_eq!(of_letter[..3], own, "{at:?}");
    assert_eq!(told("attempts"), super::member::ATTEMPTS.to_string(), "{at:?}");
    number
}
