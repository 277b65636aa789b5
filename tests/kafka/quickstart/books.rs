//! What is in the topics at the end, held against what was written.

use super::orders::{At, HeaderList, Kind, cents, customer, headers, key, kind, value};
use crate::kit::ask;
use milena::transport::partition_for;
use rdkafka::{
    ClientConfig, ClientContext, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    message::{BorrowedMessage, Headers as _},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

pub(super) const PARTITIONS: i32 = 6;
const WITHIN: Duration = Duration::from_secs(30);
const SOURCE: &str = "milena-source";

/// A record of a topic.
#[derive(Debug)]
pub(super) struct Row {
    at: At,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: HeaderList,
    timestamp: i64,
}

pub(super) fn client(broker: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", broker)
        .set("group.id", "billing")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap()
}

/// The ends of the partitions.
pub(super) fn ends(client: &BaseConsumer, topic: &str) -> Vec<i64> {
    let end = |partition| ask(|| client.fetch_watermarks(topic, partition, WITHIN)).1;
    (0..PARTITIONS).map(end).collect()
}

/// What the group has committed.
pub(super) fn committed(client: &BaseConsumer) -> Vec<i64> {
    let mut list = TopicPartitionList::new();
    list.add_partition_range("orders", 0, PARTITIONS - 1);
    let list = ask(|| client.committed_offsets(list.clone(), WITHIN));
    let offset = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
    list.elements().iter().map(|it| offset(it.offset())).collect()
}

/// Waits until the group has committed everything there is.
pub(super) fn wait_until_done(broker: &str) {
    let (client, start) = (client(broker), Instant::now());
    loop {
        let (ends, committed) = (ends(&client, "orders"), committed(&client));
        if committed == ends {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(240), "committed {committed:?} of {ends:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// All that can be read of a topic, from these offsets on: what was committed, of transactions.
pub(super) fn read(broker: &str, topic: &str, from: &[i64]) -> Vec<Row> {
    read_as("read_committed", broker, topic, from)
}

/// The records of a topic that were written, whether their transactions were committed or not.
pub(super) fn written(broker: &str, topic: &str) -> usize {
    read_as("read_uncommitted", broker, topic, &[0; 6]).len()
}

/// How many transactions the invoices came in at least: the most that a partition has of their ends, each of which
/// is a record that nobody is given.
pub(super) fn transactions(broker: &str) -> u64 {
    let mut ends = ends(&client(broker), "invoices");
    for row in read_as("read_uncommitted", broker, "invoices", &[0; 6]) {
        ends[usize::try_from(row.at.0).unwrap()] -= 1;
    }
    ends.into_iter().max().unwrap().cast_unsigned()
}

/// That a partition ends is no error.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

fn read_as(isolation: &str, broker: &str, topic: &str, from: &[i64]) -> Vec<Row> {
    let reader: BaseConsumer<Quiet> = ClientConfig::new()
        .set("bootstrap.servers", broker)
        .set("group.id", "books")
        .set("isolation.level", isolation)
        .set("enable.partition.eof", "true")
        .create_with_context(Quiet)
        .unwrap();
    let mut list = TopicPartitionList::new();
    for (partition, from) in (0..).zip(from) {
        list.add_partition_offset(topic, partition, Offset::Offset(*from)).unwrap();
    }
    reader.assign(&list).unwrap();
    let (mut rows, mut open) = (Vec::new(), from.len());
    while open > 0 {
        match reader.poll(WITHIN).expect("there is more, or an end") {
            Ok(message) => rows.push(row(&message)),
            Err(KafkaError::PartitionEOF(_)) => open -= 1,
            Err(error) => panic!("{error}"),
        }
    }
    rows.sort_by_key(|row| row.at);
    rows
}

fn row(message: &BorrowedMessage<'_>) -> Row {
    let headers = message.headers().map(|headers| {
        headers.iter().map(|it| (it.key.to_owned(), it.value.map(<[u8]>::to_vec))).collect()
    });
    Row {
        at: (message.partition(), message.offset()),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        timestamp: message.timestamp().to_millis().unwrap(),
    }
}

/// What came of the orders.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Books {
    pub(super) invoices: usize,
    pub(super) dead: usize,
    pub(super) tombstones: usize,
    pub(super) duplicates: usize,
}

/// Whose order the invoices keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    Partition,
    Key,
    None,
}

/// Every order has its result and every result is right; says how many there are.
pub(super) fn check(broker: &str, written: &BTreeMap<At, u64>) -> Books {
    check_in(Order::Partition, broker, written)
}

/// The same for a service that keeps this order.
pub(super) fn check_in(order: Order, broker: &str, written: &BTreeMap<At, u64>) -> Books {
    let (mut books, mut settled) = (Books::default(), BTreeSet::new());
    let mut latest = BTreeMap::new();
    for row in read(broker, "invoices", &[0; 6]) {
        let source = check_invoice(&row, written);
        if settled.insert(source) {
            books.invoices += 1;
            // What has no key may go to another partition when it is billed again.
            if row.key.is_none() || order == Order::None {
                continue;
            }
            let key = row.key.clone().filter(|_| order == Order::Key);
            let before = latest.insert((row.at.0, source.0, key), source.1).unwrap_or(-1);
            assert!(before < source.1, "out of order: {before} was before {row:?}");
        } else {
            books.duplicates += 1;
        }
    }
    for row in read(broker, "orders.dead", &[0; 6]) {
        if settled.insert(check_letter(&row, written)) {
            books.dead += 1;
        } else {
            books.duplicates += 1;
        }
    }
    books.tombstones = written.values().filter(|id| kind(**id) == Kind::Tombstone).count();
    let lost: Vec<_> = written
        .iter()
        .filter(|(at, id)| kind(**id) != Kind::Tombstone && !settled.contains(*at))
        .collect();
    assert!(lost.is_empty(), "{} lost, such as {:?}", lost.len(), &lost[..lost.len().min(3)]);
    books
}

fn check_invoice(row: &Row, written: &BTreeMap<At, u64>) -> At {
    let (name, source) = row.headers.last().expect("an invoice tells its source");
    assert_eq!(name, SOURCE);
    let source = place(source.as_deref().unwrap());
    let id = written[&source];
    assert_eq!((kind(id), &row.key), (Kind::Good, &key(id)), "{row:?}");
    if let Some(key) = &row.key {
        assert_eq!(row.at.0, partition_for(key, PARTITIONS), "{row:?}");
    }
    assert_eq!(row.headers[..row.headers.len() - 1], headers(id), "{row:?}");
    let json: serde_json::Value = serde_json::from_slice(row.value.as_ref().unwrap()).unwrap();
    let expected = serde_json::json!({"order": id, "customer": customer(id), "cents": cents(id)});
    assert_eq!(json, expected);
    source
}

/// The source that an invoice or a dead letter tells of.
fn place(source: &[u8]) -> At {
    let text = std::str::from_utf8(source).unwrap();
    let at = text.strip_prefix("orders/").and_then(|at| at.split_once('/')).unwrap();
    (at.0.parse().unwrap(), at.1.parse().unwrap())
}

fn check_letter(row: &Row, written: &BTreeMap<At, u64>) -> At {
    let own = row.headers.len() - 8;
    let told = |index: usize, name: &str| {
        let (header, value) = &row.headers[own + index];
        assert_eq!(header, &format!("milena-dead-letter-{name}"));
        String::from_utf8(value.clone().unwrap()).unwrap()
    };
    assert_eq!(told(0, "topic"), "orders");
    let source = (told(1, "partition").parse().unwrap(), told(2, "offset").parse().unwrap());
    let id = written[&source];
    let attempts = match kind(id) {
        Kind::Negative => "3",
        Kind::NotJson => "1",
        other => panic!("{other:?} became a dead letter: {row:?}"),
    };
    assert_eq!(told(6, "attempts"), attempts);
    assert!(!told(7, "error").is_empty());
    assert!(row.timestamp >= told(3, "timestamp").parse().unwrap(), "{row:?}");
    assert_eq!((&row.key, &row.value), (&key(id), &value(id)), "{row:?}");
    assert_eq!(row.headers[..own], headers(id), "{row:?}");
    source
}

/// The sources of these invoices and dead letters that the group had committed before.
pub(super) fn sources(broker: &str, topic: &str, from: &[i64]) -> Vec<At> {
    let named = |row: &Row, name: &str| {
        let (_, value) = row.headers.iter().rev().find(|(header, _)| header == name)?;
        value.clone()
    };
    let source = |row: Row| match named(&row, SOURCE) {
        Some(source) if topic == "invoices" => place(&source),
        _ => {
            let number = |name: &str| {
                let value = named(&row, &format!("milena-dead-letter-{name}")).unwrap();
                String::from_utf8(value).unwrap().parse::<i64>().unwrap()
            };
            (i32::try_from(number("partition")).unwrap(), number("offset"))
        }
    };
    read(broker, topic, from).into_iter().map(source).collect()
}
