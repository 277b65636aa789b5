use crate::conformance::{Fixture, inbox::Inbox};
use milena_core::{
    Record, Timestamp,
    error::ErrorKind,
    reply::ProducerRecord,
    transport::{Producer, partition_for},
};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Key, value, headers and timestamp come back as they were given: null is not empty, and headers keep
/// order, repeats and null values.
pub async fn records_come_back_byte_for_byte(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(1).await, fixture.name("group"));
    let base = ProducerRecord::new(topic.clone()).partition(0);
    let all_bytes: Vec<u8> = (0..=255).collect();
    let sent = vec![
        base.clone(),
        base.clone().key("").value(""),
        base.clone().key("ada"),
        base.clone().value("{}"),
        base.clone().key(all_bytes.clone()).value(all_bytes.repeat(100)),
        base.clone().header("a", "1").header("b", "2").header("a", "3").header("", ""),
        base.clone()
            .header("null", None::<&str>)
            .header("bytes", &all_bytes[..])
            .header("null", "no"),
        base.key("ada").value("{}").timestamp(now() - 60_000),
    ];

    fixture.send(sent.clone()).await;
    let read = fixture.join(&group, &[&topic]).await.read(sent.len()).await;

    assert_eq!(read.len(), sent.len());
    for (read, sent) in read.iter().zip(&sent) {
        check_same(read, sent);
    }
}

fn check_same(read: &Record, sent: &ProducerRecord) {
    assert_eq!(read.key(), sent.key.as_deref(), "the key of {sent:?}");
    assert_eq!(read.value(), sent.value.as_deref(), "the value of {sent:?}");
    assert_eq!(read.headers(), sent.headers, "the headers of {sent:?}");
    for name in sent.headers.iter().map(|(name, _)| name).chain(["absent"]) {
        assert_eq!(read.header(name).as_deref(), sent.headers.get(name), "{name} of {sent:?}");
    }
    match (read.timestamp(), sent.timestamp) {
        (Timestamp::Created(read), Some(sent)) => assert_eq!(read, sent, "the timestamp"),
        (Timestamp::Created(read), None) => {
            assert!((now() - read).abs() < 3_600_000, "{read} is not about now");
        }
        (other, _) => panic!("{other:?} is not the producer's timestamp"),
    }
}

/// Records of one key share a partition, which is that of [`partition_for`]; an empty key is a key.
pub async fn a_key_decides_the_partition(fixture: &Fixture) {
    let topic = fixture.topic(5).await;
    let keys: Vec<String> =
        std::iter::once(String::new()).chain((0..40).map(|n| format!("key-{}", n % 20))).collect();
    let records = keys.iter().map(|key| ProducerRecord::new(topic.clone()).key(key.clone()));

    let delivered = fixture.send(records.collect()).await;

    for (key, delivered) in keys.iter().zip(delivered) {
        let partition = partition_for(key.as_bytes(), 5);
        assert_eq!(delivered.partition, partition, "the partition of key `{key}`");
    }
}

/// A record goes to the partition it names, whatever its key.
pub async fn a_named_partition_is_respected(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(4).await, fixture.name("group"));
    let record = |partition| ProducerRecord::new(topic.clone()).key("ada").partition(partition);

    let delivered = fixture.send([3, 0, 2, 1].map(record).to_vec()).await;
    let read = fixture.join(&group, &[&topic]).await.read(4).await;

    assert_eq!(delivered.iter().map(|at| at.partition).collect::<Vec<_>>(), [3, 0, 2, 1]);
    let mut partitions: Vec<i32> = read.iter().map(Record::partition).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [0, 1, 2, 3]);
}

/// The partition and the offset of a receipt are those at which the record is read.
pub async fn a_receipt_says_where_the_record_is(fixture: &Fixture) {
    let (topic, group) = (fixture.topic(3).await, fixture.name("group"));
    let records = (0..60).map(|n| ProducerRecord::new(topic.clone()).value(n.to_string()));

    let delivered = fixture.send(records.collect()).await;
    let read = fixture.join(&group, &[&topic]).await.read(60).await;

    let place = |record: &Record| {
        ((record.partition(), record.offset()), record.value().map(<[u8]>::to_vec))
    };
    let read: HashMap<_, _> = read.iter().map(place).collect();
    for (n, at) in delivered.iter().enumerate() {
        let value = read.get(&(at.partition, at.offset));
        assert_eq!(value, Some(&Some(n.to_string().into_bytes())), "record {n} at {at:?}");
    }
}

/// A record for a partition that its topic does not have is refused by the receipt, as a failure to
/// publish: the topic exists.
pub async fn a_missing_partition_is_refused_by_the_receipt(fixture: &Fixture) {
    let topic = fixture.topic(2).await;

    let error = fixture.refusal(ProducerRecord::new(topic.clone()).partition(7)).await;

    assert_eq!(error.kind(), ErrorKind::Publish, "{error:?}");
    assert!(error.to_string().contains(&*topic), "{error:?} does not name `{topic}`");
}

/// A record that is too large is refused by the receipt, which names its topic, and the next one of
/// a lesser size is taken.
pub async fn a_record_too_large_is_refused_by_the_receipt(fixture: &Fixture) {
    let Some(limit) = fixture.guarantees.max_record_bytes else { return };
    let topic = fixture.topic(1).await;
    let record = |bytes| ProducerRecord::new(topic.clone()).value(vec![7; bytes]);

    let error = fixture.refusal(record(limit + 1)).await;
    let next = fixture.send(vec![record(limit / 2)]).await;

    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
    assert!(error.to_string().contains(&*topic), "{error:?} does not name `{topic}`");
    assert_eq!(next[0].offset, 0);
}

/// When a flush says that nothing is left, every receipt has come back.
pub async fn flush_leaves_nothing_unanswered(fixture: &Fixture) {
    let (topic, inbox) = (fixture.topic(2).await, Inbox::new());
    let producer = fixture.producer().await;
    for n in 0..500 {
        enqueue(fixture, &producer, ProducerRecord::new(topic.clone()), (&inbox, n)).await;
    }

    let patience = fixture.guarantees.patience;
    let left = fixture.within("the producer is flushed", producer.flush(patience)).await;

    assert_eq!((left, inbox.count()), (0, 500));
    assert!(inbox.all(500).await.iter().all(Result::is_ok));
}

/// A producer without room gives the record and its receipt back, says when there is room, and then
/// takes them.
pub async fn a_full_producer_has_room_later(fixture: &Fixture) {
    let Some(room) = fixture.guarantees.room else { return };
    let (topic, inbox) = (fixture.topic(1).await, Inbox::new());
    let producer = fixture.producer().await;
    // Where answers come meanwhile, there is room for more.
    let most = if fixture.hold() { room } else { 100 * room };
    let record = |n: usize| ProducerRecord::new(topic.clone()).value(n.to_string());

    let mut taken = 0;
    let full = loop {
        match producer.enqueue(record(taken), inbox.receipt(taken)) {
            Ok(()) => taken += 1,
            Err(full) => break full,
        }
        assert!(taken <= most, "the producer took {taken} records, and has room for {room}");
    };
    assert_eq!(full.record, record(taken));
    let release = async {
        tokio::task::yield_now().await;
        fixture.release();
    };
    tokio::join!(fixture.within("there is room", producer.room()), release);
    enqueue(fixture, &producer, full.record, (&inbox, taken)).await;

    let results = fixture.within("the receipts come back", inbox.all(taken + 1)).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

/// A producer that is dropped gives every receipt back, with whatever there is to say.
pub async fn a_dropped_producer_gives_every_receipt_back(fixture: &Fixture) {
    let (topic, inbox) = (fixture.topic(1).await, Inbox::new());
    let producer = fixture.producer().await;
    fixture.hold();
    for n in 0..100 {
        let record = ProducerRecord::new(topic.clone()).value(n.to_string());
        if let Err(full) = producer.enqueue(record, inbox.receipt(n)) {
            drop(full);
        }
    }

    drop(producer);

    fixture.within("the receipts come back", inbox.all(100)).await;
    fixture.release();
}

/// Hands a record over, and waits for room as often as there is none.
async fn enqueue(
    fixture: &Fixture,
    producer: &Arc<dyn Producer>,
    mut record: ProducerRecord,
    (inbox, token): (&Arc<Inbox>, usize),
) {
    let mut receipt = inbox.receipt(token);
    while let Err(full) = producer.enqueue(record, receipt) {
        (record, receipt) = (full.record, full.receipt);
        fixture.within("there is room", producer.room()).await;
    }
}

pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
