use super::*;
use crate::{
    record::{
        Chunk, Context, Epoch, Extensions, Headers, Hold, OwnedRecord, Timestamp, TopicPartition,
    },
    transport::{BoxFuture, Pattern, Receipt},
};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Level {
    Info,
    Error,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Year(u16);

#[derive(Debug, Deserialize, PartialEq)]
struct Orders {
    country: String,
    year: Year,
    #[serde(default)]
    part: Option<bool>,
}

/// Nobody waits for the record.
struct Nobody;

impl Hold for Nobody {
    fn hold(&self, _index: u32, _attempt: u32) -> Option<Receipt> {
        None
    }

    fn has_left(&self) -> bool {
        false
    }

    fn left(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// A record of this topic, which came by this pattern or by its name.
fn record(pattern: Option<&str>, topic: &str) -> Record {
    let record = OwnedRecord {
        offset: 0,
        timestamp: Timestamp::None,
        key: None,
        value: None,
        headers: Headers::new(),
    };
    let chunk = Chunk::new(TopicPartition::new(topic, 0), Epoch::default(), vec![record]);
    let Some(pattern) = pattern else { return Record::new(Arc::new(chunk), 0) };
    let captures = Pattern::new(pattern).unwrap().captures(topic).unwrap();
    let extensions = Arc::new(Extensions::default().with(captures));
    let chunk = chunk.in_context(Context::new(extensions, Arc::new(Nobody)));
    Record::new(Arc::new(chunk), 0)
}

async fn extract<T: DeserializeOwned + Send>(pattern: &str, topic: &str) -> Result<T, String> {
    let path = Path::<T>::from_record(&record(Some(pattern), topic), &()).await;
    path.map(|Path(it)| it).map_err(|rejection| rejection.to_string())
}

/// The captures are this value.
async fn check<T: DeserializeOwned + Debug + PartialEq + Send>(
    pattern: &str,
    topic: &str,
    expected: T,
) {
    assert_eq!(extract::<T>(pattern, topic).await, Ok(expected), "`{pattern}` of `{topic}`");
}

#[tokio::test]
async fn one_capture_is_whatever_its_text_can_be_read_as() {
    check("logs.{level}", "logs.info", "info".to_owned()).await;
    check("logs.{level}", "logs.error", Level::Error).await;
    check("year-{year}", "year-2026", 2026_u32).await;
    check("year-{year}", "year-2026", Year(2026)).await;
    check("at-{x}", "at--1.5", -1.5_f64).await;
    check("is-{x}", "is-true", true).await;
    check("is-{x}", "is-t", 't').await;
    check(r"year-(\d+)", "year-2026", (2026_i64,)).await;
    check("logs.{level}", "logs.info", Some(Level::Info)).await;
}

#[tokio::test]
async fn several_captures_are_a_tuple_in_order_or_a_struct_by_name() {
    let (pattern, topic) = (r"orders\.{country}\.{year}", "orders.at.2026");
    let orders = Orders { country: "at".into(), year: Year(2026), part: None };

    check(pattern, topic, ("at".to_owned(), 2026_u16)).await;
    check(pattern, topic, orders).await;
    check(pattern, topic, vec!["at".to_owned(), "2026".to_owned()]).await;
    let map = BTreeMap::from([("country", "at"), ("year", "2026")]);
    let map: BTreeMap<String, String> =
        map.into_iter().map(|(name, text)| (name.into(), text.into())).collect();
    check(pattern, topic, map).await;
    let some = Orders { country: "at".into(), year: Year(7), part: Some(true) };
    check(r"{part}\.{year}\.{country}", "true.7.at", some).await;
}

#[tokio::test]
async fn a_capture_that_matched_nothing_is_left_out() {
    let orders = Orders { country: "at".into(), year: Year(7), part: None };

    check(r"{country}\.(?<year>\d+)(\.{part})?", "at.7", orders).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_the_name_and_the_text() {
    let number = extract::<u32>("year-{year}", "year-soon").await.unwrap_err();
    let second = extract::<(String, u8)>(r"(\w+)-(\w+)", "at-2026").await.unwrap_err();
    let level = extract::<Level>("logs.{level}", "logs.all").await.unwrap_err();
    let list = extract::<(Vec<u8>, u8)>("{a}-{b}", "x-1").await.unwrap_err();

    assert_eq!(number, "could not decode the capture `year`: `soon` is not a `u32`");
    assert_eq!(second, "could not decode the capture 2: `2026` is not a `u8`");
    assert_eq!(
        level,
        "could not decode the capture `level`: it is `all`: unknown variant `all`, expected `info` or `error`"
    );
    assert!(list.starts_with("could not decode the capture `a`: it is `x`: "), "{list}");
}

#[tokio::test]
async fn another_number_of_captures_than_asked_for_is_refused() {
    let one = extract::<String>("{a}-{b}", "x-y").await.unwrap_err();
    let two = extract::<(String, String)>("logs.{level}", "logs.info").await.unwrap_err();
    let none = extract::<Orders>("logs.{level}", "logs.info").await.unwrap_err();

    let part = "could not decode the captures of the topic: ";
    assert_eq!(one, format!("{part}the pattern captured 2, and 1 was asked for"));
    assert_eq!(two, format!("{part}the pattern captured 1, and 2 were asked for"));
    assert_eq!(none, format!("{part}missing field `country`"));
}

#[tokio::test]
async fn a_topic_by_name_has_no_captures() {
    let record = record(None, "orders");

    let path = Path::<String>::from_record(&record, &()).await.unwrap_err();
    let none = Option::<Path<String>>::from_record(&record, &()).await.unwrap();

    let message =
        "could not decode the captures of the topic: the subscription of `orders` has no pattern";
    assert_eq!((path.to_string().as_str(), none), (message, None));
}
