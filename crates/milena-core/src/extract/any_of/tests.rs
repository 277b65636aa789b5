use super::AnyOf;
use crate::{
    error::BoxError,
    extract::{Accepts, Codec, Coded, ContentType, FromRecord, Json, Key},
    handler::Operation,
    record::{
        Chunk, Epoch, Headers, IntoHeaderValue, OwnedRecord, Record, Timestamp, TopicPartition,
    },
    reply::publish,
};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Note {
    text: String,
}

/// `text=...`
struct Pair;

impl Codec<Note> for Pair {
    const CONTENT_TYPE: &'static str = "text/x-pair";

    fn decode(bytes: &[u8]) -> Result<Note, BoxError> {
        let text = bytes.strip_prefix(b"text=").ok_or("it does not begin with `text=`")?;
        Ok(Note { text: str::from_utf8(text)?.to_owned() })
    }

    fn encode(note: &Note) -> Result<Vec<u8>, BoxError> {
        Ok(format!("text={}", note.text).into_bytes())
    }
}

type Either = AnyOf<Json<Note>, Coded<Note, Pair>>;
type Open = AnyOf<Json<Note>, AnyOf<Coded<Note, Pair>, AnyOf<String, Bytes>>>;

fn record(content_type: impl IntoHeaderValue, value: &[u8]) -> Record {
    let owned = OwnedRecord {
        offset: 0,
        timestamp: Timestamp::None,
        key: Some("text=key".into()),
        value: Some(Bytes::copy_from_slice(value)),
        headers: Headers::new().with("content-type", content_type),
    };
    Record::new(Arc::new(Chunk::new(TopicPartition::new("t", 0), Epoch(1), vec![owned])), 0)
}

async fn read<T: FromRecord<()>>(record: &Record) -> Result<T, String> {
    T::from_record(record, &()).await.map_err(|error| error.into().to_string())
}

fn note(text: &str) -> Note {
    Note { text: text.to_owned() }
}

#[tokio::test]
async fn the_content_type_chooses_the_format() {
    let json = br#"{"text":"a"}"#;
    for content_type in
        ["application/json", "APPLICATION/JSON ; charset=utf-8", "application/vnd.a+json"]
    {
        let read = read::<Either>(&record(content_type, json)).await;
        assert_eq!(read, Ok(AnyOf::One(Json(note("a")))), "{content_type}");
    }
    let pair = read::<Either>(&record("text/x-pair", b"text=a")).await;
    assert_eq!(pair, Ok(AnyOf::Other(Coded::new(note("a")))));
    // What says that it is JSON is not read as anything else.
    let wrong = read::<Open>(&record("application/json", b"text=a")).await.unwrap_err();
    assert!(wrong.starts_with("could not decode the value: expected"), "{wrong}");
}

#[tokio::test]
async fn without_a_content_type_the_first_that_decodes_is_taken() {
    let none = [None, Some(&b""[..]), Some(b" "), Some(&[0xff, 0xfe])];
    for content_type in none {
        let json = read::<Open>(&record(content_type, br#"{"text":"a"}"#)).await;
        let pair = read::<Open>(&record(content_type, b"text=a")).await;
        let text = read::<Open>(&record(content_type, b"hello")).await;
        let bytes = read::<Open>(&record(content_type, &[0xff])).await;

        assert_eq!(json, Ok(AnyOf::One(Json(note("a")))));
        assert_eq!(pair, Ok(AnyOf::Other(AnyOf::One(Coded::new(note("a"))))));
        assert_eq!(text, Ok(AnyOf::Other(AnyOf::Other(AnyOf::One("hello".to_owned())))));
        assert_eq!(
            bytes,
            Ok(AnyOf::Other(AnyOf::Other(AnyOf::Other(Bytes::from_static(&[0xff])))))
        );
    }
    assert_eq!(
        read::<Either>(&record(None::<&str>, b"[]")).await.unwrap_err(),
        "could not decode the value: as `application/json`: invalid length 0, expected struct Note \
         with 1 element at line 1 column 2; as `text/x-pair`: it does not begin with `text=`"
    );
}

#[tokio::test]
async fn an_unknown_content_type_is_refused_by_name_or_read_as_bytes() {
    let image = record("image/png; q=1", b"x");

    assert_eq!(
        read::<Either>(&image).await.unwrap_err(),
        "could not decode the value: its content type is `image/png`; accepted is `application/json`, \
         `text/x-pair`"
    );
    let open = read::<Open>(&image).await;
    assert_eq!(open, Ok(AnyOf::Other(AnyOf::Other(AnyOf::Other(Bytes::from_static(b"x"))))));
}

#[tokio::test]
async fn a_null_value_is_none_and_a_null_in_json_is_a_value() {
    let null = record("application/json", b"null");
    let tombstone = null.clone().with_value(None);

    assert_eq!(read::<Option<Either>>(&tombstone).await, Ok(None));
    assert!(read::<Either>(&tombstone).await.unwrap_err().contains("it is null"));
    assert_eq!(read::<Option<Json<Option<Note>>>>(&null).await, Ok(Some(Json(None))));
    assert_eq!(read::<AnyOf<Json<Option<u8>>, Bytes>>(&null).await, Ok(AnyOf::One(Json(None))));
}

#[tokio::test]
async fn a_codec_reads_and_writes_values_and_keys() {
    let record = record("text/x-pair", b"text=value");
    let Ok((value, Key(key))) = read::<(Coded<Note, Pair>, Key<Coded<Note, Pair>>)>(&record).await
    else {
        panic!("both can be decoded")
    };
    assert_eq!((&value.0, &key.0), (&note("value"), &note("key")));

    let written = publish("t").write((Key(key), value)).unwrap().remove(0);

    assert_eq!((written.key, written.value), (Some("text=key".into()), Some("text=value".into())));
    assert_eq!(written.headers, Headers::new().with("content-type", "text/x-pair"));
}

#[tokio::test]
async fn what_was_published_in_any_format_is_read_in_it() {
    let values = [
        AnyOf::One(Json(note("a"))),
        AnyOf::Other(AnyOf::One(Coded::new(note("b")))),
        AnyOf::Other(AnyOf::Other(AnyOf::One("text=c".to_owned()))),
        AnyOf::Other(AnyOf::Other(AnyOf::Other(Bytes::from_static(&[0xff])))),
    ];
    for value in values {
        let value: Open = value;
        let written = publish("t").write(value.clone()).unwrap().remove(0);
        let back = record(written.headers.get("content-type"), &written.value.unwrap());
        assert_eq!(read::<Open>(&back).await, Ok(value));
    }
}

async fn round_trip<T, U>(value: T) -> U
where
    T: Serialize + JsonSchema,
    U: serde::de::DeserializeOwned + JsonSchema + Send,
{
    let written = publish("t").write(Json(value)).unwrap().remove(0);
    let Json(value) = read(&record("application/json", &written.value.unwrap())).await.unwrap();
    value
}

#[tokio::test]
async fn values_of_every_kind_come_back_as_they_were() {
    use std::collections::BTreeMap;
    let map = || BTreeMap::from([("text".to_owned(), "a".to_owned())]);

    assert_eq!(round_trip::<_, i64>(i64::MIN).await, i64::MIN);
    assert_eq!(round_trip::<_, f64>(0.1).await.to_bits(), 0.1_f64.to_bits());
    assert_eq!(round_trip::<_, f64>(1).await.to_bits(), 1.0_f64.to_bits(), "an integer is a float");
    assert!(round_trip::<_, bool>(true).await);
    assert_eq!(round_trip::<_, String>("1").await, "1", "a text is no number");
    assert_eq!(round_trip::<_, Vec<u8>>([1, 2]).await, [1, 2]);
    assert_eq!(round_trip::<_, (u8, String)>((1, "a")).await, (1, "a".to_owned()));
    assert_eq!(round_trip::<_, BTreeMap<String, String>>(note("a")).await, map());
    assert_eq!(round_trip::<_, Note>(map()).await, note("a"));
    assert_eq!(round_trip::<_, Option<Note>>(None::<Note>).await, None);
    assert_eq!(round_trip::<_, Option<Note>>(note("a")).await, Some(note("a")));
}

#[test]
fn a_content_type_is_compared_without_case_and_parameters() {
    let is = |header, other| ContentType::new(header).is(other);

    assert!(is("text/plain;charset=utf-8", "text/plain") && is(" Text/Plain ", "text/plain"));
    assert!(is("application/problem+json", "application/json"));
    assert!(!is("application/json", "text/plain") && !is("json", "application/json"));
    assert!(!is("", "text/plain") && !is("application/x+", "application/json"));
}

mod other {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    pub(super) struct Item {
        #[expect(dead_code, reason = "only its schema is asked for")]
        name: String,
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    pub(super) struct Parcel {
        #[expect(dead_code, reason = "only its schema is asked for")]
        item: Item,
    }
}
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
struct Item {
    cents: u32,
}
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
struct Order {
    items: Vec<Item>,
    parent: Option<Box<Self>>,
}

#[test]
fn the_schema_is_that_of_any_with_the_definitions_of_all() {
    type All = AnyOf<Json<Order>, AnyOf<String, AnyOf<Json<other::Parcel>, Bytes>>>;
    let mut operation = Operation::default();

    <All as FromRecord<()>>::describe(&mut operation);

    let schema = operation.value.unwrap().to_value();
    let members = schema["anyOf"].as_array().unwrap();
    assert_eq!(members.len(), 4, "{schema:#}");
    assert_eq!(members[0]["$ref"], "#/$defs/Order");
    assert_eq!(members[1]["type"], "string");
    let item = &members[2]["properties"]["item"]["$ref"];
    assert_eq!(members[3], true);
    let definition = |reference: &serde_json::Value| {
        schema.pointer(reference.as_str().unwrap().trim_start_matches('#')).unwrap()
    };
    assert!(definition(item)["properties"]["name"].is_object(), "{schema:#}");
    let order = definition(&members[0]["$ref"]);
    let item = definition(&order["properties"]["items"]["items"]["$ref"]);
    assert!(item["properties"]["cents"].is_object(), "{schema:#}");
    assert!(order["properties"]["parent"].to_string().contains("#/$defs/Order"), "{schema:#}");
    assert!(<AnyOf<Bytes, Bytes> as Accepts>::schema().is_none());
}
