use super::{Chunk, Epoch, Headers, OwnedRecord, Record, Timestamp, TopicPartition};
use crate::handler::Delivery;
use bytes::Bytes;
use std::sync::Arc;

fn chunk() -> Arc<Chunk> {
    let owned = |offset, headers| OwnedRecord {
        offset,
        timestamp: Timestamp::Created(offset),
        key: Some("key".into()),
        value: Some("value".into()),
        headers,
    };
    let headers = Headers::new().with("n", "1").with("n", "2").with("n", None::<&str>);
    Arc::new(Chunk::new(
        TopicPartition::new("t", 3),
        Epoch(1),
        vec![owned(5, headers.with("raw", &[0xff, 0xfe][..])), owned(9, Headers::new())],
    ))
}

#[test]
fn a_header_is_the_last_of_its_name_that_is_not_null_as_in_all_headers() {
    let (first, second) = (Record::new(chunk(), 0), Record::new(chunk(), 1));

    for name in ["n", "raw", "none"] {
        assert_eq!(first.header(name).as_deref(), first.headers().get(name), "{name}");
    }
    assert_eq!(first.header("n").as_deref(), Some(&b"2"[..]));
    assert_eq!(second.header("n"), None);
}

#[test]
fn a_changed_record_keeps_its_place_and_its_clones_what_they_had() {
    let read = Record::new(chunk(), 0).with_attempt(4);

    let changed = read.clone().with_value(Bytes::from("new")).with_key(None);
    let changed = changed.with_headers(Headers::new().with("h", "1"));
    let again = changed.clone().with_value(None);

    assert_eq!((read.key(), read.value()), (Some(&b"key"[..]), Some(&b"value"[..])));
    assert_eq!((changed.key(), changed.value()), (None, Some(&b"new"[..])));
    assert_eq!((again.key(), again.value()), (None, None));
    assert_eq!(changed.headers(), Headers::new().with("h", "1"));
    assert_eq!((changed.header("h"), changed.header("n")), (Some("1".into()), None));
    assert_eq!((changed.topic(), changed.partition(), changed.offset()), ("t", 3, 5));
    assert_eq!((changed.index(), changed.attempt()), (0, 4));
    assert_eq!(changed.timestamp(), Timestamp::Created(5));
}

#[test]
fn a_handle_that_moves_on_reads_the_next_record_as_it_was_read() {
    let mut record = Record::new(chunk(), 0).with_value(None).with_extension(7_u8);

    record.move_to(1);

    assert_eq!((record.offset(), record.value()), (9, Some(&b"value"[..])));
    assert!(!record.has_extension::<u8>());
}

#[test]
fn extensions_are_found_by_type_and_the_last_of_a_type_wins() {
    let record = Record::new(chunk(), 0).with_extension("a").with_extension(1_u8);
    let hidden = record.clone().with_extension("b");

    assert_eq!((record.extension(), hidden.extension()), (Some(&"a"), Some(&"b")));
    assert_eq!(hidden.extension::<u8>(), Some(&1));
    assert_eq!(hidden.extension::<u16>(), None);
}

#[test]
fn every_record_of_a_delivery_is_changed_or_none() {
    let records = || (0..2).map(|index| Record::new(chunk(), index));
    let change = |record: Record| match record.offset() {
        9 => Err("the second"),
        _ => Ok(record),
    };

    let numbered = Delivery::batch(records()).with_extension(7_u8).map_records(|record| {
        let value = record.offset().to_string();
        record.with_value(Bytes::from(value))
    });

    let values: Vec<_> = numbered.records().map(|record| record.value().unwrap()).collect();
    assert_eq!(values, [&b"5"[..], b"9"]);
    assert!(numbered.records().all(|record| record.extension() == Some(&7_u8)));
    assert_eq!(Delivery::batch(records()).try_map_records(change).unwrap_err(), "the second");
    assert_eq!(Delivery::from(Record::new(chunk(), 0)).try_map_records(change).unwrap().len(), 1);
}

#[test]
fn a_header_that_is_set_is_the_only_one_of_its_name() {
    let mut headers = Headers::new().with("a", "1").with("b", "2").with("a", "3");

    headers.set("a", "4");

    assert_eq!(headers, Headers::new().with("b", "2").with("a", "4"));
    headers.remove("b");
    assert_eq!(headers, Headers::new().with("a", "4"));
}
