//! What a published value says of its records, and what its target says.

use bytes::Bytes;
use milena::{
    Batch, Key, Outcome, Record, Router, State, batch, each,
    error::BoxError,
    extract::{CorrelationId, FromHeader, Header},
    publish,
    record::{Headers, Partition, Timestamp, Tombstone},
};
use milena_memory::Memory;
use milena_test::TestApp;
use std::sync::{Arc, Mutex};

type Seen = Arc<Mutex<Vec<String>>>;

fn keys(records: &[Record]) -> Vec<Option<String>> {
    let text = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
    records.iter().map(|record| record.key().map(text)).collect()
}

#[tokio::test(start_paused = true)]
async fn each_item_of_a_list_has_a_key_headers_a_partition_and_a_timestamp_of_its_own() {
    type Item = (Option<&'static str>, Option<Partition>, Headers, Option<Timestamp>, String);
    async fn list() -> Vec<Item> {
        let own = Headers::new().with("n", "1");
        vec![
            (Some("a"), Some(Partition(0)), own, Some(Timestamp::Created(5)), "1".to_owned()),
            (Some(""), None, Headers::new(), None, "2".to_owned()),
            (None, Some(Partition(0)), Headers::new().with("n", None::<&str>), None, String::new()),
        ]
    }
    let broker = Memory::new();
    broker.create_topic("copies", 4);
    let to = publish("copies").key("default").partition(3).header("n", "0").timestamp(9);
    let app = Router::new("g").subscribe("t", each(list).publish_to(to));
    let test = TestApp::start_on(broker, app).await;

    test.publish("t", "x").await;

    let mut copies = test.records("copies");
    copies.sort_by_key(|copy| copy.value().map(<[u8]>::to_vec));
    let [empty, first, second] = &copies[..] else { panic!("three items, {copies:?}") };
    assert_eq!((first.partition(), second.partition(), empty.partition()), (0, 3, 0));
    let all = [first, second, empty].map(Record::clone);
    assert_eq!(keys(&all), [Some("a".to_owned()), Some(String::new()), Some("default".to_owned())]);
    let times = all.clone().map(|copy| copy.timestamp().millis());
    assert_eq!(times, [Some(5), Some(9), Some(9)]);
    let own = |record: &Record| {
        let headers = record.headers();
        headers.get_all("n").map(|value| value.map(<[u8]>::to_vec)).collect::<Vec<_>>()
    };
    let zero = || Some(b"0".to_vec());
    assert_eq!(
        all.each_ref().map(own),
        [vec![zero(), Some(b"1".to_vec())], vec![zero()], vec![zero(), None]]
    );
    // A value's own null does not take the target's away.
    assert_eq!(empty.header("n").as_deref(), Some(&b"0"[..]));
    assert_eq!(first.header("n").as_deref(), Some(&b"1"[..]));
}

#[tokio::test(start_paused = true)]
async fn keys_follow_their_values_and_a_value_without_a_key_has_the_targets_or_none() {
    async fn reversed(
        Batch(items): Batch<(Option<Key<String>>, String)>,
    ) -> Vec<(Option<Key<String>>, String)> {
        items.into_iter().rev().collect()
    }
    let app = Router::new("g")
        .subscribe("t", batch(reversed).publish_to("plain"))
        .subscribe("t", batch(reversed).publish_to(publish("keyed").key("default")));
    let test = TestApp::start(app).await;
    let item = |key: Option<&'static str>, value: &'static str| (key, value);

    test.publish("t", vec![item(Some("a"), "1"), item(None, "2"), item(Some(""), "3")]).await;

    for (topic, none) in [("plain", None), ("keyed", Some("default".to_owned()))] {
        let records = test.records(topic);
        let values: Vec<_> =
            records.iter().map(|it| str::from_utf8(it.value().unwrap()).unwrap()).collect();
        assert_eq!(values, ["3", "2", "1"]);
        assert_eq!(keys(&records), [Some(String::new()), none, Some("a".to_owned())], "{topic}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_nothing_publishes_nothing_and_what_is_empty_publishes_that() {
    async fn list(text: String) -> Option<Vec<String>> {
        match &*text {
            "none" => None,
            numbers => Some(numbers.split_terminator(',').map(str::to_owned).collect()),
        }
    }
    async fn same(text: String) -> String {
        text
    }
    let app = Router::new("g")
        .subscribe("lists", each(list).publish_to("items"))
        .subscribe("texts", each(same).publish_to("copies"));
    let test = TestApp::start(app).await;

    for (published, records) in [("none", 0), ("", 0), ("1,2,3", 3), ("0,1,2", 6), (",", 7)] {
        test.publish("lists", published).await;
        assert_eq!(test.records("items").len(), records, "{published}");
    }
    test.publish("texts", vec!["123", ""]).await;
    let copies = test.records("copies");
    assert_eq!(
        copies.iter().map(Record::value).collect::<Vec<_>>(),
        [Some(&b"123"[..]), Some(b"")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_is_a_null_value_with_a_key_or_without_and_is_no_text() {
    async fn delete(Key(key): Key<String>) -> (Option<String>, Tombstone) {
        (Some(key).filter(|key| key != "nobody"), Tombstone)
    }
    async fn seen(value: Option<Bytes>, State(seen): State<Seen>) -> Outcome {
        seen.lock().unwrap().push(format!("{value:?}"));
        Outcome::done()
    }
    let log = Seen::default();
    let app = Router::new("g")
        .subscribe("t", each(delete).publish_to("table"))
        .subscribe("table", each(seen))
        .with_state(log.clone());
    let test = TestApp::start(app).await;

    test.publish("t", vec![("ada", "x"), ("nobody", "x"), ("", "x")]).await;
    test.publish("table", Bytes::new()).await;

    let table = test.records("table");
    assert_eq!(keys(&table), [Some("ada".to_owned()), None, Some(String::new()), None]);
    assert_eq!(
        table.iter().map(Record::value).collect::<Vec<_>>(),
        [None, None, None, Some(&b""[..])]
    );
    assert!(table.iter().all(|record| record.headers().is_empty()), "a null has no format");
    assert_eq!(*log.lock().unwrap(), ["None", "None", "None", "Some(b\"\")"]);
}

#[tokio::test(start_paused = true)]
async fn no_header_makes_a_record_unreadable_for_who_does_not_ask_for_it() {
    struct Tenant(String);
    impl FromHeader for Tenant {
        const NAME: &'static str = "tenant";
        fn from_header(value: &[u8]) -> Result<Self, BoxError> {
            Ok(Self(str::from_utf8(value)?.to_owned()))
        }
    }
    async fn look(
        text: String,
        headers: Headers,
        tenant: Option<Header<Tenant>>,
        State(seen): State<Seen>,
    ) {
        let tenant = tenant.map(|Header(tenant)| tenant.0);
        seen.lock().unwrap().push(format!("{text} {} {tenant:?}", headers.len()));
    }
    let log = Seen::default();
    let subscriber = each(look).dead_letter("dead");
    let app = Router::new("g").subscribe("t", subscriber).with_state(log.clone());
    let test = TestApp::start(app).await;
    let raw = &[0xff, 0xfe][..];
    let odd = Headers::new()
        .with("raw", raw)
        .with("raw", None::<&str>)
        .with("", "")
        .with("content-type", raw)
        .with("correlation_id", raw)
        .with("reply_to", None::<&str>);

    test.publish("t", (odd.clone(), "odd")).await;
    test.publish(
        "t",
        (odd.clone().with("tenant", "a").with("tenant", "b").with("tenant", None::<&str>), "last"),
    )
    .await;
    test.publish("t", (odd.with("tenant", raw), "asked for")).await;

    // Of several the last that is not null is meant.
    assert_eq!(*log.lock().unwrap(), ["odd 6 None", "last 9 Some(\"b\")"]);
    let [letter] = &test.records("dead")[..] else { panic!("one asks for what is no text") };
    let error = letter.header("milena-dead-letter-error").unwrap();
    let error = String::from_utf8(error.to_vec()).unwrap();
    assert!(error.starts_with("could not decode the header `tenant`: invalid utf-8"), "{error}");
    assert_eq!(letter.headers().get("raw"), Some(raw));
    assert_eq!(test.committed("g", "t"), 3);
}

#[tokio::test(start_paused = true)]
async fn key_headers_and_correlation_id_of_a_reply_reach_the_next_topic() {
    async fn first(
        id: CorrelationId,
        text: String,
    ) -> (CorrelationId, &'static str, Headers, String) {
        (id, "key", Headers::new().with("step", "1"), text)
    }
    async fn second(
        id: CorrelationId,
        Key(key): Key<String>,
        record: Record,
        State(seen): State<Seen>,
    ) {
        let step = record.header("step").unwrap();
        seen.lock().unwrap().push(format!("{id} {key} {step:?}"));
    }
    let log = Seen::default();
    let app = Router::new("g")
        .subscribe("t", each(first).publish_to("next"))
        .subscribe("next", each(second))
        .with_state(log.clone());
    let test = TestApp::start(app).await;

    test.publish("t", (CorrelationId::new("abc"), "x")).await;

    assert_eq!(*log.lock().unwrap(), ["abc key b\"1\""]);
}
