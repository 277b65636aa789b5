//! What other programs write: headers, and values in one format or another.

use crate::random::{Random, often};
use bytes::Bytes;
use milena::{
    Json, Memory, Record,
    extract::{AnyOf, ContentType, CorrelationId, FromRecord},
    record::ProducerRecord,
};
use std::future::Future;

const NAMES: [&str; 4] = ["content-type", "correlation_id", "n", ""];
const VALUES: [&str; 12] = [
    "application/json",
    "text/plain",
    "application/vnd.a+json",
    ";",
    "charset=utf-8",
    "+",
    "/",
    "7",
    "-1",
    "{}",
    "\"a\"",
    " ",
];

fn headers(random: &mut Random) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let count = random.below(5);
    let mut value = || Some(random.bytes(&VALUES)).filter(|it| it.len() != 1);
    let values: Vec<_> = (0..count).map(|_| value()).collect();
    values.into_iter().map(|value| (random.one(&NAMES), value)).collect()
}

/// A future that waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).expect("it waits for nothing")
}

fn record(headers: &[(&'static str, Option<Vec<u8>>)], value: &[u8]) -> Record {
    let broker = Memory::new();
    let mut record = ProducerRecord::new("t").value(value.to_vec());
    for (name, value) in headers {
        record.headers.push(*name, value.as_deref());
    }
    broker.produce(record).unwrap();
    broker.records("t").remove(0)
}

#[test]
fn headers_are_found_as_they_were_written() {
    often(3000, |random| {
        let written = headers(random);
        let record = record(&written, b"");
        let read = record.headers();
        assert_eq!(read.len(), written.len());
        for name in NAMES {
            let values = || written.iter().filter(|it| it.0 == name).map(|it| it.1.as_deref());
            assert!(read.get_all(name).eq(values()));
            assert_eq!(read.get(name), values().flatten().last());
            assert_eq!(record.header(name).as_deref(), read.get(name));
            let number: Option<i64> =
                read.get(name).and_then(|it| str::from_utf8(it).ok()?.parse().ok());
            assert_eq!(read.parse::<i64>(name).ok().flatten(), number);
        }
        let id = now(<Option<CorrelationId> as FromRecord<()>>::from_record(&record, &())).unwrap();
        assert_eq!(
            id.map(|id| id.as_bytes().to_vec()),
            read.get("correlation_id").map(<[u8]>::to_vec)
        );
    });
}

#[test]
fn a_content_type_is_what_stands_before_its_parameters() {
    often(5000, |random| {
        let text = random.text(&VALUES);
        let content_type = ContentType::new(&text);
        let name = content_type.as_str();
        assert!(!name.contains(';') && name.trim() == name, "{text:?}");
        assert!(content_type.is(name) && content_type.is(&name.to_ascii_uppercase()), "{text:?}");
        assert!(ContentType::new(&format!(" {name} ;{text}")).is(name), "{text:?}");
        if content_type.is("application/json") {
            let lower = name.to_ascii_lowercase();
            assert!(lower == "application/json" || lower.ends_with("+json"), "{text:?}");
        }
    });
}

type Any = AnyOf<Json<serde_json::Value>, AnyOf<String, Bytes>>;

#[test]
fn a_value_is_read_in_the_format_that_its_header_says() {
    const JSON: [&str; 12] = [
        "{", "}", "[", "]", "\"a\":", "1e999", "null", "\"\\u00", "-0", ",", "\u{fffd}", "[[[[[[[[",
    ];
    often(3000, |random| {
        let (headers, value) = (headers(random), random.bytes(&JSON));
        let record = record(&headers, &value);
        let header = record.header("content-type");
        let named = header.as_deref().and_then(|it| str::from_utf8(it).ok()).map(ContentType::new);
        let named = named.filter(|it| !it.as_str().is_empty());
        let is = |format| named.is_none_or(|it| it.is(format));
        let json: Result<serde_json::Value, _> = serde_json::from_slice(&value);
        match now(<Any as FromRecord<()>>::from_record(&record, &())) {
            Ok(AnyOf::One(read)) => {
                assert!(is("application/json"));
                assert_eq!(read.0, json.unwrap());
            }
            Ok(AnyOf::Other(AnyOf::One(text))) => {
                assert!(is("text/plain"));
                assert_eq!(text.as_bytes(), value);
            }
            Ok(AnyOf::Other(AnyOf::Other(bytes))) => assert_eq!(bytes, value),
            Err(why) => {
                assert!(named.is_some(), "bytes are always taken: {why}");
                assert!(json.is_err() || str::from_utf8(&value).is_err(), "{named:?}: {why}");
            }
        }
    });
}
