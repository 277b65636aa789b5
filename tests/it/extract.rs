use crate::billing::{Order, order};
use crate::kit::TestApp;
use bytes::Bytes;
use milena::{
    Json, Key, Publisher, Record, Router, State, each,
    error::BoxError,
    extract::FromRecord,
    extract::{FromHeader, FromRef, Header, Metadata, Rejection},
    record::Headers,
    record::Timestamp,
    record::{Partition, Tombstone},
};
use std::sync::{Arc, Mutex};

/// What handlers saw.
type Seen = Arc<Mutex<Vec<String>>>;

fn say(seen: &Seen, what: impl Into<String>) {
    seen.lock().unwrap().push(what.into());
}

#[tokio::test(start_paused = true)]
async fn every_part_of_a_record_is_an_argument_in_any_order() {
    struct Tenant(String);
    impl FromHeader for Tenant {
        const NAME: &'static str = "tenant";
        fn from_header(value: &[u8]) -> Result<Self, BoxError> {
            Ok(Self(str::from_utf8(value)?.to_owned()))
        }
    }
    #[expect(clippy::too_many_arguments, reason = "all of them at once is the point")]
    async fn all(
        State(seen): State<Seen>,
        bytes: Bytes,
        Key(key): Key<String>,
        headers: Headers,
        Json(order): Json<Order>,
        Header(tenant): Header<Tenant>,
        at: Metadata,
        timestamp: Timestamp,
    ) {
        let (tenant, headers) = (tenant.0, headers.len());
        say(
            &seen,
            format!("{at} {timestamp:?} {key} {tenant} {headers} {} {}", order.id, bytes.len()),
        );
    }
    let seen = Seen::default();
    let test =
        TestApp::start(Router::new("g").subscribe("orders", each(all)).with_state(seen.clone()))
            .await;

    test.publish(
        "orders",
        ("ada", Headers::new().with("tenant", "acme"), Timestamp::Created(5), order(7)),
    )
    .await;

    assert_eq!(*seen.lock().unwrap(), ["orders/0/0 Created(5) ada acme 2 7 18"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_may_be_missing_is_an_option() {
    struct Trace;
    impl FromHeader for Trace {
        const NAME: &'static str = "trace";
        fn from_header(_: &[u8]) -> Result<Self, BoxError> {
            Ok(Self)
        }
    }
    async fn maybe(
        text: Option<String>,
        key: Option<Key<Bytes>>,
        trace: Option<Header<Trace>>,
        State(seen): State<Seen>,
    ) {
        say(&seen, format!("{text:?} {:?} {}", key.map(|key| key.0), trace.is_some()));
    }
    let seen = Seen::default();
    let test =
        TestApp::start(Router::new("g").subscribe("t", each(maybe)).with_state(seen.clone())).await;

    test.publish("t", Tombstone).await;
    test.publish("t", ("", "")).await;
    test.publish("t", ("k", Headers::new().with("trace", None::<&str>), "v")).await;
    test.publish("t", (Headers::new().with("trace", "1"), "v")).await;

    let seen = seen.lock().unwrap();
    assert_eq!(
        *seen,
        [
            "None None false",
            "Some(\"\") Some(b\"\") false",
            "Some(\"v\") Some(b\"k\") false",
            "Some(\"v\") None true"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_there_but_cannot_be_decoded_is_refused_and_not_none() {
    async fn number(_: Option<Key<i64>>) {}
    let test =
        TestApp::start(Router::new("g").subscribe("t", each(number).dead_letter("dead"))).await;

    test.publish("t", (7_i64, "good")).await;
    test.publish("t", ("text", "bad")).await;
    test.publish("t", "no key").await;

    let dead = test.records("dead");
    assert_eq!(dead.len(), 1);
    let headers = dead[0].headers();
    assert_eq!(
        str::from_utf8(headers.get("milena-dead-letter-error").unwrap()),
        Ok("could not decode the key: it has 4 bytes, not 8")
    );
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_header_is_a_failure_that_names_it() {
    struct Count(#[expect(dead_code, reason = "it is never decoded")] u32);
    impl FromHeader for Count {
        const NAME: &'static str = "count";
        fn from_header(value: &[u8]) -> Result<Self, BoxError> {
            Ok(Self(str::from_utf8(value)?.parse()?))
        }
    }
    async fn count(_: Header<Count>) {}
    let test =
        TestApp::start(Router::new("g").subscribe("t", each(count).dead_letter("dead"))).await;

    test.publish("t", (Headers::new().with("count", "many"), "a")).await;
    test.publish("t", "b").await;

    let errors: Vec<_> = test
        .records("dead")
        .iter()
        .map(|letter| {
            String::from_utf8(letter.headers().get("milena-dead-letter-error").unwrap().to_vec())
                .unwrap()
        })
        .collect();
    assert_eq!(
        errors,
        [
            "could not decode the header `count`: invalid digit found in string",
            "could not decode the header `count`: there is none, or it is null",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_users_type_is_an_extractor_and_its_refusal_takes_the_failure_path() {
    struct Even(i64);
    impl<S: Sync> FromRecord<S> for Even {
        type Rejection = Rejection;
        async fn from_record(record: &Record, _: &S) -> Result<Self, Rejection> {
            let offset = record.offset();
            if offset % 2 == 0 {
                Ok(Self(offset))
            } else {
                Err(Rejection::new("offset", "it is odd"))
            }
        }
    }
    async fn even(Even(offset): Even, State(seen): State<Seen>) {
        say(&seen, offset.to_string());
    }
    let seen = Seen::default();
    let app = Router::new("g").subscribe("t", each(even).skip_failures()).with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("t", vec!["a", "b", "c"]).await;

    assert_eq!(*seen.lock().unwrap(), ["0", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_takes_parts_of_the_state() {
    #[derive(Clone)]
    struct App {
        name: &'static str,
        seen: Seen,
    }
    impl FromRef<App> for &'static str {
        fn from_ref(app: &App) -> Self {
            app.name
        }
    }
    impl FromRef<App> for Seen {
        fn from_ref(app: &App) -> Self {
            app.seen.clone()
        }
    }
    async fn both(State(name): State<&'static str>, State(seen): State<Seen>) {
        say(&seen, name);
    }
    let app = App { name: "billing", seen: Seen::default() };
    let test =
        TestApp::start(Router::new("g").subscribe("t", each(both)).with_state(app.clone())).await;

    test.publish("t", "x").await;

    assert_eq!(*app.seen.lock().unwrap(), ["billing"]);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_publishes_what_a_return_value_cannot_say() {
    async fn fan_out(text: String, publisher: Publisher) -> Result<(), milena::Error> {
        publisher.publish("even", (Partition(0), "key", text.clone())).await?;
        publisher.publish("all", vec![text.clone(), text]).await
    }
    let test = TestApp::start(Router::new("g").subscribe("t", each(fan_out))).await;

    test.publish("t", "x").await;

    assert_eq!(test.records("even")[0].key(), Some(&b"key"[..]));
    assert_eq!(test.records("all").len(), 2);
}

#[tokio::test]
async fn an_extractor_of_the_running_service_says_so_elsewhere() {
    use milena::record::{Chunk, Epoch, OwnedRecord, TopicPartition};
    let owned = OwnedRecord {
        offset: 0,
        timestamp: Timestamp::None,
        key: None,
        value: None,
        headers: Headers::new(),
    };
    let record =
        Record::new(Arc::new(Chunk::new(TopicPartition::new("t", 0), Epoch(1), vec![owned])), 0);

    let publisher = Publisher::from_record(&record, &()).await.unwrap_err().to_string();
    let ack = milena::extract::Ack::from_record(&record, &()).await.unwrap_err().to_string();

    assert_eq!(
        publisher,
        "could not decode the publisher: the record is not part of a running service"
    );
    assert_eq!(ack, "could not decode the ack: the record is not part of a running service");
}
