//! The Rust halves of the pages in `docs` for those who come from elsewhere, each compiled and run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "these are programs as they stand on a page, and tests"
)]

#[path = "../docs/programs/fastkafka/app.rs"]
mod fastkafka_app;
#[path = "../docs/programs/fastkafka/lifespan.rs"]
mod fastkafka_lifespan;
#[path = "../docs/programs/fastkafka/testing.rs"]
mod fastkafka_testing;
#[path = "../docs/programs/faststream/acks.rs"]
mod faststream_acks;
#[path = "../docs/programs/faststream/billing.rs"]
mod faststream_billing;
#[path = "../docs/programs/faststream/routers.rs"]
mod faststream_routers;
#[path = "../docs/programs/faust/acks.rs"]
mod faust_acks;
#[path = "../docs/programs/faust/agent.rs"]
mod faust_agent;
#[path = "../docs/programs/faust/sink.rs"]
mod faust_sink;
#[path = "../docs/programs/rdkafka/consume.rs"]
mod rdkafka_consume;
#[path = "../docs/programs/rdkafka/pipeline.rs"]
mod rdkafka_pipeline;
#[path = "../docs/programs/rdkafka/rebalance.rs"]
mod rdkafka_rebalance;
#[path = "../docs/programs/spring-kafka/batches.rs"]
mod spring_batches;
#[path = "../docs/programs/spring-kafka/listener.rs"]
mod spring_listener;
#[path = "../docs/programs/spring-kafka/retries.rs"]
mod spring_retries;

use milena::{Json, Key, publish};
use milena_core::{ProducerRecord, TopicPartition};
use milena_memory::Memory;
use milena_test::TestApp;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn from_rdkafka_greetings_are_committed_also_those_that_are_none() {
    let test = TestApp::start(rdkafka_consume::app()).await;

    test.publish("greetings", Json(rdkafka_consume::Greeting { name: "Ada".into() })).await;
    test.publish("greetings", "this is no greeting").await;

    assert_eq!(test.committed("greeter", "greetings"), 2);
}

#[tokio::test(start_paused = true)]
async fn from_rdkafka_what_is_quiet_becomes_loud_under_its_key() {
    let test = TestApp::start(rdkafka_pipeline::app()).await;

    test.publish("quiet", (Key("ada"), "hello")).await;

    let loud = &test.records("loud")[0];
    assert_eq!((loud.key(), loud.value()), (Some(&b"ada"[..]), Some(&b"HELLO"[..])));
}

#[tokio::test(start_paused = true)]
async fn from_rdkafka_reading_begins_where_it_was_left() {
    let broker = Memory::new();
    for row in ["0", "1", "2"] {
        broker.produce(ProducerRecord::new("rows").value(row)).unwrap();
    }
    let test = TestApp::start_on(broker, rdkafka_rebalance::app()).await;

    test.settle().await;

    let position = test.control("loader").position(&TopicPartition::new("rows", 0)).await.unwrap();
    assert_eq!((position, test.committed("loader", "rows")), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn from_faust_orders_are_processed() {
    let test = TestApp::start(faust_agent::app()).await;
    let order = faust_agent::Order { account: "ada".into(), amount: 7 };

    test.publish("orders", Json(order)).await;

    assert_eq!(test.committed("orders-app", "orders"), 1);
}

#[tokio::test(start_paused = true)]
async fn from_faust_numbers_are_doubled_and_summed() {
    let test = TestApp::start(faust_sink::app()).await;

    test.publish("numbers", vec![Json(1), Json(2)]).await;

    assert_eq!(test.published::<i64>("doubled"), [2, 4]);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(test.published::<i64>("sums").into_iter().sum::<i64>(), 6);
}

#[tokio::test(start_paused = true)]
async fn from_faust_lines_wait_behind_a_pause() {
    let test = TestApp::start(faust_acks::app()).await;
    test.publish("lines", "pause").await;
    let control = test.control("import-app");

    test.broker().produce(ProducerRecord::new("lines").value("later")).unwrap();
    assert_eq!(control.wait_empty(Duration::from_secs(1)).await.unwrap(), 0);
    assert_eq!(test.committed("import-app", "lines"), 1);
    control.resume("lines").await.unwrap();
    test.settle().await;

    assert_eq!(test.committed("import-app", "lines"), 2);
}

#[tokio::test(start_paused = true)]
async fn from_fastkafka_orders_are_billed_on_the_cluster_that_is_chosen() {
    let broker = Memory::new();
    let order = json(&fastkafka_app::Order { id: 1, cents: 7 });
    broker.produce(ProducerRecord::new("orders").value(order)).unwrap();
    let app = fastkafka_app::app().cluster("production", broker.clone());

    run(app.default_cluster("production"), &broker, "billing", "orders").await;

    assert_eq!(broker.records("invoices").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn from_fastkafka_irises_are_told_apart_by_the_model_of_the_lifespan() {
    let broker = Memory::new();
    for petal in [1.4, 5.1] {
        let iris = json(&fastkafka_lifespan::Iris { petal });
        broker.produce(ProducerRecord::new("input_data").value(iris)).unwrap();
    }
    let app = fastkafka_lifespan::app().cluster("localhost", broker.clone());

    run(app, &broker, "irises", "input_data").await;

    let predictions = broker.records("predictions");
    let predictions: Vec<_> = predictions.iter().filter_map(|it| it.value()).collect();
    assert_eq!(predictions, [&b"\"setosa\""[..], b"\"virginica\""]);
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// Runs the app until its group has committed everything there is in the topic.
async fn run(app: milena::App, broker: &Memory, group: &str, topic: &str) {
    let control = app.control(group);
    let running = tokio::spawn(app.serve().into_future());
    while broker.lag(group, topic) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    control.stop().await.unwrap();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn from_faststream_orders_are_billed() {
    let test = TestApp::start(faststream_billing::app()).await;

    test.publish("orders", Json(faststream_billing::Order { id: 1, cents: 7 })).await;

    assert_eq!(test.published::<faststream_billing::Invoice>("invoices")[0].cents, 7);
}

#[tokio::test(start_paused = true)]
async fn from_faststream_orders_of_tenants_that_are_known_are_handled() {
    let test = TestApp::start(faststream_routers::app()).await;

    test.publish(publish("shop.v1.orders").header("tenant", "ada"), "tea").await;
    test.publish("shop.v1.orders", "coffee").await;

    assert_eq!(test.committed("billing", "shop.v1.orders"), 2);
}

#[tokio::test(start_paused = true)]
async fn from_faststream_rows_are_stored_and_an_empty_line_is_skipped() {
    let test = TestApp::start(faststream_acks::app()).await;

    test.publish("rows", vec!["a", "b"]).await;
    test.publish("lines", vec!["a", "", "b"]).await;

    assert_eq!(test.committed("importer", "rows"), 2);
    assert_eq!(test.committed("importer", "lines"), 3);
}

#[tokio::test(start_paused = true)]
async fn from_spring_orders_are_billed_under_their_customers() {
    let test = TestApp::start(spring_listener::app()).await;
    let order = spring_listener::Order { id: 1, cents: 7 };

    test.publish("orders", (Key("ada"), Json(order))).await;

    assert_eq!(test.published::<spring_listener::Invoice>("invoices")[0].cents, 7);
    assert_eq!(test.records("invoices")[0].key(), Some(&b"ada"[..]));
}

#[tokio::test(start_paused = true)]
async fn from_spring_a_payment_that_fails_is_tried_again_and_then_reported() {
    let test = TestApp::start(spring_retries::app()).await;

    test.publish("payments", vec!["small", "large"]).await;

    let headers = test.records("payments.dead")[0].headers();
    assert_eq!(headers.get("milena-dead-letter-attempts"), Some(&b"4"[..]));
    assert_eq!(test.committed("payments", "payments"), 2);
}

#[tokio::test(start_paused = true)]
async fn from_spring_a_bad_row_holds_up_no_other() {
    let test = TestApp::start(spring_batches::app()).await;
    let row = |id| Json(spring_batches::Row { id });

    test.publish("rows", vec![row(1), row(-1), row(2)]).await;

    assert_eq!(test.published::<spring_batches::Row>("rows.dead")[0].id, -1);
    assert_eq!(test.committed("loader", "rows"), 3);
}
