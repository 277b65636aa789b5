//! The orders, as another program writes them.

use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// An order, or what is to be one; everything about it follows from its number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Good,
    Negative,
    NotJson,
    Tombstone,
}

/// Where a record is.
pub(super) type At = (i32, i64);
pub(super) type HeaderList = Vec<(String, Option<Vec<u8>>)>;

pub(super) fn kind(id: u64) -> Kind {
    match id % 100 {
        7 => Kind::Negative,
        42 => Kind::NotJson,
        77 => Kind::Tombstone,
        _ => Kind::Good,
    }
}

/// Null now and then, and empty now and then.
pub(super) fn key(id: u64) -> Option<Vec<u8>> {
    match id % 50 {
        3 => None,
        4 => Some(Vec::new()),
        _ => Some(format!("customer-{}", id * 31 % 997).into_bytes()),
    }
}

pub(super) fn cents(id: u64) -> i64 {
    (id % 10_000).cast_signed()
}

pub(super) fn value(id: u64) -> Option<Vec<u8>> {
    let json = match kind(id) {
        Kind::Tombstone => return None,
        Kind::NotJson if id.is_multiple_of(200) => return Some(Vec::new()),
        Kind::NotJson if id % 300 == 42 => json!({"id": id, "customer": 5, "cents": 1}),
        Kind::NotJson if id % 300 == 142 => json!({"id": id, "customer": "no cents"}),
        Kind::NotJson => return Some(b"this is no order".to_vec()),
        Kind::Negative => json!({"id": id, "customer": customer(id), "cents": -1 - cents(id)}),
        Kind::Good if id.is_multiple_of(9) => {
            json!({"id": id, "customer": customer(id), "cents": cents(id), "unknown": [1]})
        }
        Kind::Good => json!({"id": id, "customer": customer(id), "cents": cents(id)}),
    };
    Some(json.to_string().into_bytes())
}

pub(super) fn customer(id: u64) -> String {
    format!("customer {id}")
}

pub(super) fn headers(id: u64) -> HeaderList {
    let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
    match id % 5 {
        0 => Vec::new(),
        1 => vec![header("tag", "b"), header("tag", "a"), ("none".into(), None)],
        _ => vec![header("traceparent", &format!("00-{id:032x}-{id:016x}-01"))],
    }
}

/// Writes these orders, at most so many a second, and says where each is.
pub(super) fn write(broker: &str, ids: Range<u64>, rate: f64) -> BTreeMap<At, u64> {
    write_when(broker, ids, rate, |_| true)
}

/// The same, but for each order only when it may be.
pub(super) fn write_when(
    broker: &str,
    ids: Range<u64>,
    rate: f64,
    may: impl Fn(u64) -> bool,
) -> BTreeMap<At, u64> {
    let producer: ThreadedProducer<Places> = ClientConfig::new()
        .set("bootstrap.servers", broker)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .create_with_context(Places::default())
        .unwrap();
    let (mut start, first) = (Instant::now(), ids.start);
    for id in ids {
        while !may(id) {
            std::thread::sleep(Duration::from_millis(1));
            start += Duration::from_millis(1);
        }
        let due = start + Duration::from_secs_f64((id - first) as f64 / rate);
        if let Some(early) = due.checked_duration_since(Instant::now()).filter(|it| !it.is_zero()) {
            std::thread::sleep(early);
        }
        send(&producer, id);
    }
    producer.flush(Duration::from_secs(60)).unwrap();
    let places = producer.context().0.lock().unwrap();
    places.clone()
}

fn send(producer: &ThreadedProducer<Places>, id: u64) {
    let (key, value) = (key(id), value(id));
    let mut headers = OwnedHeaders::new();
    for (name, value) in self::headers(id) {
        headers = headers.insert(Header { key: &name, value: value.as_ref() });
    }
    let mut record: BaseRecord<'_, [u8], [u8], Box<u64>> =
        BaseRecord::with_opaque_to("orders", Box::new(id)).headers(headers);
    record.key = key.as_deref();
    record.payload = value.as_deref();
    while let Err((_, full)) = producer.send(record) {
        std::thread::sleep(Duration::from_millis(5));
        record = full;
    }
}

/// Where each order was written.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<BTreeMap<At, u64>>>);

impl ClientContext for Places {}

impl ProducerContext for Places {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, id: Box<u64>) {
        let message = result.as_ref().expect("the broker takes it");
        self.0.lock().unwrap().insert((message.partition(), message.offset()), *id);
    }
}
