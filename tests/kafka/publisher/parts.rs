//! Key, headers, timestamp and partition of each record are its own; a client that is not Milena's reads
//! them back byte for byte.

use super::publisher;
use crate::{
    faults::view::View,
    kit::{kafka, topic},
};
use milena::{
    Json, Key, publish,
    record::{Headers, Partition, Timestamp, Tombstone},
};
use milena_core::ProducerRecord;
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};

/// A record as it was read: partition, key, value, headers, and the timestamp where it is the test's.
type Read = (i32, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>, Option<i64>);

fn read(message: &OwnedMessage) -> Read {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers = headers.map(|it| (it.key.to_owned(), it.value.map(<[u8]>::to_vec))).collect();
    let bytes = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    let timestamp = message.timestamp().to_millis().filter(|millis| *millis < 1_000_000);
    (message.partition(), bytes(message.key()), bytes(message.payload()), headers, timestamp)
}

fn headers(headers: &[(&str, Option<&[u8]>)]) -> Vec<(String, Option<Vec<u8>>)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), value.map(<[u8]>::to_vec))).collect()
}

fn some(bytes: impl Into<Vec<u8>>) -> Option<Vec<u8>> {
    Some(bytes.into())
}

#[tokio::test]
async fn each_value_of_a_batch_has_parts_of_its_own() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "parts", 3).await;
    let to = publish(topic.clone()).header("from", "test").key("default").partition(2);
    let first = Headers::new().with("n", "1").with("null", None::<&str>).with("n", "2");
    let batch = vec![
        (Some(Key("ada")), first, Timestamp::Created(7), Some(Partition(0)), "a".to_owned()),
        (Some(Key("")), Headers::new(), Timestamp::Created(8), Some(Partition(1)), String::new()),
        (None, Headers::new().with("", ""), Timestamp::None, None, "c".to_owned()),
    ];

    publisher(&kafka).await.publish(to, batch).await.unwrap();

    let from = ("from", Some(&b"test"[..]));
    let format = ("content-type", Some(&b"text/plain"[..]));
    let records = View::shared().records(&topic).await;
    assert_eq!(
        records.iter().map(read).collect::<Vec<_>>(),
        [
            (
                0,
                some("ada"),
                some("a"),
                headers(&[from, ("n", Some(b"1")), ("null", None), ("n", Some(b"2")), format]),
                Some(7)
            ),
            (1, some(""), some(""), headers(&[from, format]), Some(8)),
            (2, some("default"), some("c"), headers(&[from, ("", Some(b"")), format]), None),
        ]
    );
}

#[tokio::test]
async fn a_null_key_is_not_an_empty_one_and_a_null_value_not_an_empty_one() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "null", 1).await;
    let publisher = publisher(&kafka).await;
    let all: Vec<u8> = (0..=255).collect();
    let record = || ProducerRecord::new(topic.clone());
    let records = vec![
        record(),
        record().key("").value(""),
        record().key(all.clone()),
        record().value(all.clone()),
        record().header("null", None::<&[u8]>).header("all", &all[..]).header("null", ""),
    ];

    publisher.send_all(records).await.unwrap();
    publisher.publish(topic.clone(), (0x0102_u32, Tombstone)).await.unwrap();
    publisher.publish(topic.clone(), (Key(Json([1])), Json([2]))).await.unwrap();
    publisher.publish(topic.clone(), None::<String>).await.unwrap();

    let records = View::shared().records(&topic).await;
    let json = headers(&[("content-type", Some(b"application/json"))]);
    let of_last = headers(&[("null", None), ("all", Some(&all)), ("null", Some(b""))]);
    assert_eq!(
        records.iter().map(read).collect::<Vec<_>>(),
        [
            (0, None, None, Vec::new(), None),
            (0, some(""), some(""), Vec::new(), None),
            (0, some(all.clone()), None, Vec::new(), None),
            (0, None, some(all), Vec::new(), None),
            (0, None, None, of_last, None),
            (0, some([0, 0, 1, 2]), None, Vec::new(), None),
            (0, some("[1]"), some("[2]"), json, None),
        ]
    );
}
