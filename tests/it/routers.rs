use milena::{
    Batch, Json, Outcome, Record, Retry, Router, State, batch, by_key, each,
    extract::Path,
    publish,
    record::Headers,
    router::{AckPolicy, Partitions, Subscription, Topics, handler::Delivery, subscription},
};
use milena_core::{ProducerRecord, transport::Selection};
use milena_memory::Memory;
use milena_test::TestApp;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::util::MapRequestLayer;

const MS: Duration = Duration::from_millis(1);

type Seen = Arc<Mutex<Vec<String>>>;

fn say(seen: &Seen, what: impl Into<String>) {
    seen.lock().unwrap().push(what.into());
}

fn taken(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut *seen.lock().unwrap())
}

async fn work() {}

async fn fail() -> Result<(), std::io::Error> {
    Err(std::io::Error::other("nothing works"))
}

async fn place(record: Record, State(seen): State<Seen>) {
    say(&seen, format!("{}/{}", record.topic(), record.partition()));
}

/// What is read by a router, in the order in which it was subscribed.
fn topics<S: Clone + Send + Sync + 'static>(router: &Router<S>) -> Vec<String> {
    let listed = |topics: &Topics| match topics.selection() {
        Selection::Topics { names, patterns } => {
            let patterns = patterns.iter().map(|it| it.as_str().to_owned());
            names.iter().map(ToString::to_string).chain(patterns).collect::<Vec<_>>().join(" ")
        }
        Selection::Partitions(partitions) => {
            partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
    };
    router.operations().map(|it| listed(&it.topics)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_prefix_stands_before_topics_patterns_partitions_replies_and_dead_letters() {
    async fn bill(Path(level): Path<String>, State(seen): State<Seen>) -> &'static str {
        say(&seen, level);
        "billed"
    }
    async fn refuse(_: Json<u32>) {}
    let seen = Seen::default();
    let broker = Memory::new();
    broker.create_topic("eu.parts", 2);
    let parts = Router::new("parts").subscribe(Partitions::of("parts", [1]), each(place));
    let app = Router::new("g")
        .subscribe(Topics::matching(r"logs\.{level}"), each(bill).publish_to("billed"))
        .subscribe("orders", each(refuse).dead_letters())
        .subscribe("refunds", each(refuse).dead_letter("graves"))
        .merge(parts)
        .prefix("eu.")
        .with_state(seen.clone());
    assert_eq!(topics(&app), [r"eu\.logs\.{level}", "eu.orders", "eu.refunds", "eu.parts/1"]);
    let letters: Vec<_> =
        app.operations().flat_map(|it| it.dead_letters).map(|it| it.to_string()).collect();
    assert_eq!(letters, ["eu.orders.dead", "graves"]);
    let test = TestApp::start_on(broker.clone(), app).await;

    for topic in ["eu.logs.info", "logs.info", "euxlogs.info"] {
        broker.produce(ProducerRecord::new(topic).value("x")).unwrap();
    }
    (0..2).for_each(|partition| {
        broker.produce(ProducerRecord::new("eu.parts").partition(partition).value("x")).unwrap();
    });
    test.publish("eu.orders", "no number").await;
    test.publish("eu.refunds", "no number").await;
    tokio::time::sleep(3000 * MS).await;

    let mut calls = taken(&seen);
    calls.sort();
    assert_eq!(calls, ["eu.parts/1", "info"]);
    for (topic, records) in [("eu.billed", 1), ("eu.orders.dead", 1), ("graves", 1), ("billed", 0)]
    {
        assert_eq!(test.records(topic).len(), records, "{topic}");
    }
    test.stop().await.unwrap();
}

#[test]
fn prefixes_of_routers_around_each_other_concatenate_outer_first_whenever_they_are_said() {
    let leaf = || Router::<()>::new("g").subscribe("t", each(|| async { "x" }).publish_to("out"));
    let replies = |router: &Router| {
        let described = router.operations().next().unwrap();
        described.operation.replies[0].topic.to_string()
    };

    let before = Router::new("g").prefix("1.").nest("4.", leaf().prefix("5."));
    let behind = Router::new("g").nest("4.", leaf().prefix("5.")).prefix("1.");
    let deep = Router::new("g").prefix("1.").merge(Router::new("h").nest("2.", leaf()));

    for app in [&before, &behind] {
        assert_eq!((topics(app), replies(app)), (vec!["1.4.5.t".into()], "1.4.5.out".into()));
    }
    assert_eq!((topics(&deep), replies(&deep)), (vec!["1.2.t".into()], "1.2.out".into()));
    assert_eq!(topics(&leaf()), ["t"], "without a prefix");
}

#[test]
fn topics_that_answers_are_asked_for_in_have_the_prefix_and_groups_have_not() {
    let asking = each(|| async { "x" }).publish_to(publish("asks").reply_to("answers"));
    let app = Router::<()>::new("g")
        .subscribe("t", asking)
        .merge(Router::new("h").subscribe("t", each(work)));

    let app = app.prefix("eu.");

    let groups: Vec<_> = app.operations().map(|it| it.group.to_owned()).collect();
    assert_eq!(groups, ["g", "h"]);
    assert_eq!(topics(&app), ["eu.t", "eu.t"]);
    assert_eq!(&*app.operations().next().unwrap().operation.replies[0].topic, "eu.asks");
}

#[tokio::test(start_paused = true)]
async fn layers_of_routers_around_each_other_are_called_outer_first_whenever_they_are_added() {
    async fn done(State(seen): State<Seen>) {
        say(&seen, "handler");
    }
    let seen = Seen::default();
    let told = |what: &'static str| {
        let seen = seen.clone();
        MapRequestLayer::new(move |delivery: Delivery| {
            say(&seen, what);
            delivery
        })
    };
    let inner = Router::new("g")
        .layer(told("inner"))
        .subscribe("t", each(done).layer(told("own")).layer_inner(told("own innermost")))
        .layer_inner(told("inner innermost"));
    let app = Router::new("g")
        .layer(told("outer"))
        .nest("a.", inner)
        .subscribe("t", each(done))
        .layer(told("outermost"))
        .with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("a.t", "x").await;
    let around = ["outermost", "outer", "inner", "inner innermost", "own", "own innermost"];
    assert_eq!(taken(&seen), [&around[..], &["handler"]].concat());
    test.publish("t", "x").await;
    assert_eq!(taken(&seen), ["outermost", "outer", "handler"], "those further in are not its own");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_is_made_for_each_handler_from_what_is_said_of_it() {
    async fn done() {}
    let seen = Seen::default();
    let seen_by_layers = seen.clone();
    let inner = Router::new("g").subscribe("t", each(done).dead_letters());
    let app = Router::new("g")
        .nest("a.", inner)
        .subscribe("u", each(work).title("Works"))
        .layer_with(move |it| {
            let name = it.operation.handler.rsplit("::").next().unwrap();
            let what =
                format!("{} {} {name} {}", it.group, it.topics.names()[0], it.dead_letters.len());
            let seen = seen_by_layers.clone();
            MapRequestLayer::new(move |delivery: Delivery| {
                say(&seen, &what);
                delivery
            })
        });
    let test = TestApp::start(app).await;

    test.publish("a.t", "x").await;
    test.publish("u", "x").await;

    assert_eq!(taken(&seen), ["g a.t done 1", "g u work 0"]);
}

#[tokio::test(start_paused = true)]
async fn of_settings_the_innermost_counts_and_a_subscriptions_own_above_all() {
    let inner = Router::new("g")
        .subscribe("own", each(fail).retry(Retry::fixed(5, MS)).dead_letter("graves"))
        .subscribe("inner", each(fail))
        .retry(Retry::fixed(3, MS))
        .dead_letters();
    let app = Router::new("g")
        .retry(Retry::fixed(2, MS))
        .skip_failures()
        .nest("a.", inner)
        .merge(Router::new("h").subscribe("outer", each(fail)))
        .subscribe("bound", each(|| tokio::time::sleep(3600 * 1000 * MS)).dead_letters())
        .timeout(50 * MS);
    let test = TestApp::start(app).await;

    for topic in ["a.own", "a.inner", "outer", "bound"] {
        test.publish(topic, "x").await;
    }

    let attempts = |topic: &str| {
        let [letter] = &test.records(topic)[..] else { panic!("one letter in {topic}") };
        let attempts = letter.headers().get("milena-dead-letter-attempts").unwrap().to_vec();
        String::from_utf8(attempts).unwrap()
    };
    assert_eq!(attempts("graves"), "5");
    assert_eq!(attempts("a.inner.dead"), "3");
    assert_eq!(attempts("bound.dead"), "2", "its own failures, the router's retry and time");
    assert_eq!(test.committed("h", "outer"), 1, "skipped");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_inherited_is_the_one_that_is_checked_and_used() {
    let on_receive = || each(work).ack(AckPolicy::OnReceive).concurrency(by_key(4));
    let inherits = Router::<()>::new("g").subscribe("t", on_receive()).subscribe("t", each(work));

    let app = inherits.ack(AckPolicy::OnReceive).concurrency(by_key(4));
    // The two go together by what they inherit, and so they are read by one consumer.
    let test = TestApp::start(app).await;
    test.publish("t", "x").await;

    assert_eq!(test.committed("g", "t"), 1);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_subscription_can_take_back_what_its_router_says() {
    let slow = each(|| tokio::time::sleep(1000 * MS)).without_timeout();
    let app = Router::new("g")
        .timeout(50 * MS)
        .skip_failures()
        .subscribe("slow", slow)
        .subscribe("strict", each(fail).stop_on_failure());
    let test = TestApp::start(app).await;

    test.publish("slow", "x").await;
    assert_eq!(test.committed("g", "slow"), 1);
    test.try_publish("strict", "x").await.unwrap_err();

    let error = test.stop().await.unwrap_err();
    let expected = "could not process record strict/0/0 in 1 call: nothing works";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test(start_paused = true)]
async fn records_are_mapped_outer_first_before_layers_and_extractors_see_them() {
    fn append(what: &'static str) -> impl Fn(Record) -> Record {
        move |record| {
            let value = [record.value().unwrap(), what.as_bytes()].concat();
            record.with_value(bytes::Bytes::from(value))
        }
    }
    async fn one(value: String, State(seen): State<Seen>) {
        say(&seen, value);
    }
    async fn many(Batch(values): Batch<String>, State(seen): State<Seen>) {
        say(&seen, values.join(" "));
    }
    let seen = Seen::default();
    let seen_by_layer = seen.clone();
    let sees = MapRequestLayer::new(move |delivery: Delivery| {
        let first = delivery.first().value().unwrap().to_vec();
        say(&seen_by_layer, format!("layer {}", String::from_utf8(first).unwrap()));
        delivery
    });
    let inner = Router::new("g")
        .subscribe("one", each(one).map_record(append("3")).map_record(append("4")))
        .subscribe("many", batch(many).map_record(append("3")))
        .subscribe(
            "filtered",
            each(one).when(|it| it.value() == Some(b"x12")).map_record(append("!")),
        )
        .map_record(append("2"))
        .layer(sees);
    let app = Router::new("g").nest("a.", inner).map_record(append("1")).with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("a.one", "x").await;
    assert_eq!(taken(&seen), ["layer x1234", "x1234"]);
    test.publish("a.many", vec!["x", "y"]).await;
    assert_eq!(taken(&seen), ["layer x123", "x123 y123"]);
    test.publish("a.filtered", "x").await;
    assert_eq!(taken(&seen), ["layer x12!", "x12!"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_mapped_is_refused_alone_and_as_it_was() {
    fn shout(record: Record) -> Result<Record, String> {
        match record.value() {
            Some(b"quiet") => Err("it does not shout".to_owned()),
            Some(b"panic") => panic!("it cannot"),
            Some(value) => {
                let value = value.to_ascii_uppercase();
                Ok(record.with_value(bytes::Bytes::from(value)))
            }
            None => Ok(record),
        }
    }
    async fn one(value: String, State(seen): State<Seen>) -> Result<(), &'static str> {
        say(&seen, &value);
        if value == "BAD" { Err("bad") } else { Ok(()) }
    }
    async fn many(Batch(values): Batch<String>, State(seen): State<Seen>) -> Vec<Outcome> {
        say(&seen, values.join(" "));
        let outcome = |value: &String| match &**value {
            "BAD" => Outcome::dead_letter("bad"),
            _ => Outcome::done(),
        };
        values.iter().map(outcome).collect()
    }
    let seen = Seen::default();
    let app = Router::new("g")
        .subscribe("one", each(one))
        .subscribe("many", batch(many).max_records(4))
        .map_record(shout)
        .dead_letters()
        .with_state(seen.clone());
    let test = TestApp::start(app).await;

    test.publish("one", vec!["a", "quiet", "panic", "bad"]).await;
    assert_eq!(taken(&seen), ["A", "BAD"]);
    test.publish("many", vec!["quiet", "b", "bad", "quiet"]).await;
    assert_eq!(taken(&seen), ["B BAD"]);

    let letters = |topic: &str| -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let told = |headers: &Headers| {
            let error = headers.get("milena-dead-letter-error");
            text(error.or(headers.get("milena-dead-letter-reason")).unwrap())
        };
        let records = test.records(topic);
        records.iter().map(|it| (text(it.value().unwrap()), told(&it.headers()))).collect()
    };
    let pair = |value: &str, why: &str| (value.to_owned(), why.to_owned());
    assert_eq!(
        letters("one.dead"),
        [
            pair("quiet", "it does not shout"),
            pair("panic", "the handler panicked: it cannot"),
            pair("bad", "bad"),
        ]
    );
    let mut many = letters("many.dead");
    many.sort();
    let quiet = || pair("quiet", "it does not shout");
    assert_eq!(many, [pair("bad", "bad"), quiet(), quiet()]);
    test.stop().await.unwrap();
}

#[test]
fn documents_tell_of_a_subscription_unless_somebody_says_no() {
    for (router, nested, own) in [
        (true, true, true),
        (true, true, false),
        (true, false, true),
        (false, true, true),
        (false, false, false),
    ] {
        let inner = Router::<()>::new("g").subscribe("t", each(work).include_in_schema(own));
        let app =
            Router::new("g").include_in_schema(router).nest("a.", inner.include_in_schema(nested));
        let described = app.operations().next().unwrap();
        assert_eq!(described.operation.include_in_schema, router && nested && own);
    }
}

#[test]
fn a_subscription_says_what_documents_tell_of_it() {
    let said = each(work).title("Bills").description("Bills each order.").no_reply();
    let app = Router::<()>::new("g").subscribe("said", said).subscribe("unsaid", each(work));

    let all: Vec<_> = app.operations().map(|it| it.operation).collect();

    let [said, unsaid] = &all[..] else { panic!("there are two") };
    assert_eq!(said.title.as_deref(), Some("Bills"));
    assert_eq!(said.description.as_deref(), Some("Bills each order."));
    assert!(said.no_reply && said.include_in_schema);
    assert!(said.handler.ends_with("routers::work"));
    assert_eq!((&unsaid.title, &unsaid.description, unsaid.no_reply), (&None, &None, false));
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_values_that_any_router_takes_and_are_kept_in_order() {
    fn subscriptions() -> Vec<Subscription<Seen>> {
        let names = ["d", "b", "c", "a"];
        names.into_iter().map(|topic| subscription(topic, each(place))).collect()
    }
    let seen = Seen::default();
    let app = Router::new("g")
        .subscribe_all(subscriptions())
        .merge(Router::new("h").subscribe_all(subscriptions()).prefix("other."))
        .with_state(seen.clone());
    let all = ["d", "b", "c", "a", "other.d", "other.b", "other.c", "other.a"];
    assert_eq!(topics(&app), all);
    let test = TestApp::start(app).await;

    for topic in all {
        test.publish(topic, "x").await;
    }

    let places: Vec<_> = all.iter().map(|topic| format!("{topic}/0")).collect();
    assert_eq!(taken(&seen), places);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_router_that_only_has_others_in_it_is_no_group() {
    let billing = || Router::new("billing").subscribe("orders", each(place));
    let seen = Seen::default();
    let app =
        Router::new("all").nest("eu.", billing()).nest("us.", billing()).with_state(seen.clone());
    let groups: Vec<_> = app.operations().map(|it| it.group.to_owned()).collect();
    assert_eq!(groups, ["billing", "billing"], "one consumer reads for both");
    let test = TestApp::start(app).await;

    test.publish("eu.orders", "x").await;
    test.publish("us.orders", "x").await;

    assert_eq!(taken(&seen), ["eu.orders/0", "us.orders/0"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_added_while_the_group_runs_has_what_is_said_of_its_router() {
    async fn answer(value: String, State(seen): State<Seen>) -> String {
        say(&seen, &value);
        value
    }
    let (seen, seen_by_layer) = (Seen::default(), Seen::default());
    let test = TestApp::start(Router::new("g").subscribe("t", each(work))).await;
    let layer_sees = seen_by_layer.clone();
    let inner = Router::new("g").subscribe("late", each(answer).publish_to("answers"));
    let added = Router::new("g")
        .nest("eu.", inner)
        .map_record(|record: Record| record.with_value(bytes::Bytes::from_static(b"mapped")))
        .layer(MapRequestLayer::new(move |delivery: Delivery| {
            say(&layer_sees, "layer");
            delivery
        }));

    test.control("g").add(added.with_state(seen.clone())).await.unwrap();
    test.broker().produce(ProducerRecord::new("eu.late").value("x")).unwrap();
    tokio::time::sleep(3000 * MS).await;

    assert_eq!(
        (taken(&seen), taken(&seen_by_layer)),
        (vec!["mapped".into()], vec!["layer".into()])
    );
    let [answer] = &test.records("eu.answers")[..] else { panic!("there is one answer") };
    assert_eq!(answer.value(), Some(&b"mapped"[..]));
    let wrong = Router::new("g").subscribe("a", each(work).dead_letter("a"));
    let error = test.control("g").add(wrong).await.unwrap_err();
    assert!(error.to_string().starts_with("dead letters would come back"), "{error}");
    test.stop().await.unwrap();
}
