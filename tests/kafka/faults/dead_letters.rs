use super::{
    service::{Service, until, write},
    view::{Header as Raw, View, headers, text},
};
use crate::kit::{kafka, topic, unique};
use bytes::Bytes;
use milena::{
    Json, Key, Router, each,
    error::BoxError,
    extract::{FromHeader, Header},
};
use milena_core::{Headers, ProducerRecord};
use rdkafka::message::{Message as _, OwnedMessage};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

const DAY: i64 = 86_400_000;

struct Count(#[expect(dead_code, reason = "only that it can be decoded matters")] u32);

impl FromHeader for Count {
    const NAME: &'static str = "count";

    fn from_header(value: &[u8]) -> Result<Self, BoxError> {
        Ok(Self(str::from_utf8(value)?.parse()?))
    }
}

async fn strict(_: Key<u64>, _: Header<Count>, Json(value): Json<u64>) -> String {
    value.to_string()
}

/// Records that cannot be decoded, each with a word that the reason has, and one that can.
fn records(topic: &Arc<str>) -> Vec<(ProducerRecord, &'static str)> {
    let headers = |count: Option<&str>| {
        let before = Headers::new().with("", "").with("note", None::<&str>).with("count", count);
        before.with("note", &[0, 255, 7][..]).with("note", None::<&str>)
    };
    let base = ProducerRecord::new(topic.clone()).timestamp(now() - DAY);
    let record = |key: Option<&'static [u8]>, count, value: Option<&'static [u8]>| ProducerRecord {
        key: key.map(Bytes::from_static),
        value: value.map(Bytes::from_static),
        headers: headers(count),
        ..base.clone()
    };
    let (key, count, value) = (Some(&[0; 8][..]), Some("1"), Some(&b"7"[..]));
    let mut without_headers = record(key, count, value);
    without_headers.headers = Headers::new();
    vec![
        (record(key, count, Some(b"\xff\0no number")), "value"),
        (record(key, count, Some(b"")), "value"),
        (record(key, count, None), "value"),
        (record(Some(b"short"), count, value), "key"),
        (record(Some(b""), count, value), "key"),
        (record(None, count, value), "key"),
        (record(key, Some("many"), value), "header `count`"),
        (record(key, None, value), "header `count`"),
        (without_headers, "header `count`"),
        (record(key, count, value), ""),
    ]
}

#[tokio::test]
async fn what_cannot_be_decoded_becomes_a_dead_letter_byte_for_byte() {
    let Some(kafka) = kafka() else { return };
    let view = View::shared();
    let (source, dead) = (topic(&kafka, "strict", 1).await, topic(&kafka, "dead", 1).await);
    let replies = topic(&kafka, "numbers", 1).await;
    let (group, written, start) = (unique("strict"), records(&source), now());
    write(&kafka, written.iter().map(|(record, _)| record.clone()).collect()).await;
    let subscriber = each(strict).publish_to(replies.clone()).dead_letter(dead.clone());
    let router = Router::new(group.clone()).subscribe(source.clone(), subscriber);
    let service = Service::start(&kafka, router);

    let end = view.ends(&source, 1).await;
    until("all are done", async || view.committed(&group, &source, 1).await == end).await;
    service.stop().await.unwrap();

    assert_eq!(view.values(&replies).await, ["7"]);
    let (sources, letters) = (view.records(&source).await, view.records(&dead).await);
    assert_eq!((sources.len(), letters.len()), (written.len(), written.len() - 1));
    for ((letter, record), (given, word)) in letters.iter().zip(&sources).zip(&written) {
        // What was given is what the source has, and so what the letter is to have.
        assert_eq!(record.payload(), given.value.as_deref());
        check_letter(letter, record, (&group, word));
        let written = letter.timestamp().to_millis().unwrap();
        assert!((start..=now()).contains(&written), "{written} is between {start} and now");
    }
}

fn check_letter(letter: &OwnedMessage, source: &OwnedMessage, (group, word): (&str, &str)) {
    assert_eq!(letter.key(), source.key(), "{source:?}");
    assert_eq!(letter.payload(), source.payload(), "{source:?}");
    let (mut before, mut behind) = (headers(source), headers(letter));
    let (_, why) = behind.pop().unwrap();
    let header = |name: &str, value: String| -> Raw {
        (format!("milena-dead-letter-{name}"), Some(value.into_bytes()))
    };
    before.extend([
        header("topic", source.topic().to_owned()),
        header("partition", source.partition().to_string()),
        header("offset", source.offset().to_string()),
        header("timestamp", source.timestamp().to_millis().unwrap().to_string()),
        header("timestamp-type", "CreateTime".to_owned()),
        header("group", group.to_owned()),
        header("attempts", "1".to_owned()),
    ]);
    assert_eq!(behind, before);
    let why = text(why.as_deref());
    assert!(why.starts_with(&format!("could not decode the {word}")), "{why}");
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
