use crate::billing::{Invoice, Order, order};
use crate::kit::TestApp;
use milena::{Batch, Json, Retry, Router, State, batch, extract::Metadata};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

/// The batches that a handler was called with, as topic/partition/offset.
type Calls = Arc<Mutex<Vec<Vec<String>>>>;

async fn note(Batch(records): Batch<(Metadata, Json<Order>)>, State(calls): State<Calls>) {
    calls.lock().unwrap().push(records.iter().map(|(at, _)| at.to_string()).collect());
}

fn produce(broker: &Memory, partition: i32, cents: i64) {
    let value = serde_json::to_vec(&order(cents).0).unwrap();
    broker.produce(ProducerRecord::new("orders").partition(partition).value(value)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_full_at_its_size_and_complete_after_its_wait() {
    let calls = Calls::default();
    let broker = Memory::new();
    (0..7).for_each(|i| {
        broker.create_topic("orders", 1);
        produce(&broker, 0, i);
    });
    let subscriber = batch(note).max_records(3).max_wait(50 * MS);
    let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
    let start = Instant::now();
    let test = TestApp::start_on(broker, app).await;

    while calls.lock().unwrap().len() < 3 {
        tokio::time::sleep(MS).await;
    }

    assert!(start.elapsed() >= 50 * MS, "the last batch waited for more");
    let sizes: Vec<_> = calls.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 3, 1]);
    test.settle().await;
    assert_eq!(test.committed("g", "orders"), 7);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_of_one_partition_unless_asked_otherwise() {
    for (across, expected) in [(false, 3), (true, 1)] {
        let calls = Calls::default();
        let broker = Memory::new();
        broker.create_topic("orders", 3);
        (0..6).for_each(|i| produce(&broker, i % 3, i.into()));
        let mut subscriber = batch(note).max_records(100);
        if across {
            subscriber = subscriber.across_partitions();
        }
        let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
        let test = TestApp::start_on(broker, app).await;

        test.settle().await;

        let calls = calls.lock().unwrap();
        assert_eq!(calls.len(), expected, "{calls:?}");
        assert_eq!(calls.iter().map(Vec::len).sum::<usize>(), 6);
        assert_eq!(test.committed("g", "orders"), 6);
    }
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_record_of_a_batch_fails_alone() {
    let calls = Calls::default();
    let subscriber = batch(note).max_records(4).dead_letter("dead").retry(Retry::fixed(9, MS));
    let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
    let broker = Memory::new();
    broker.create_topic("orders", 1);
    produce(&broker, 0, 1);
    for nonsense in ["x", ""] {
        broker.produce(ProducerRecord::new("orders").value(nonsense)).unwrap();
    }
    produce(&broker, 0, 4);
    let test = TestApp::start_on(broker, app).await;

    test.settle().await;

    assert_eq!(*calls.lock().unwrap(), [["orders/0/0", "orders/0/3"]]);
    let values: Vec<_> =
        test.records("dead").iter().map(|letter| letter.value().unwrap().to_vec()).collect();
    assert_eq!(values, [b"x".to_vec(), b"".to_vec()]);
    assert_eq!(test.committed("g", "orders"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_a_decodable_record_calls_nobody() {
    let calls = Calls::default();
    let app =
        Router::new("g").subscribe("orders", batch(note).skip_failures()).with_state(calls.clone());
    let test = TestApp::start(app).await;

    test.publish("orders", vec!["x", "y"]).await;

    assert!(calls.lock().unwrap().is_empty());
    assert_eq!(test.committed("g", "orders"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_batch_is_tried_again_whole_and_then_each_record_of_it_fails() {
    async fn fail(
        Batch(orders): Batch<Json<Order>>,
        State(calls): State<Calls>,
    ) -> anyhow::Result<()> {
        calls.lock().unwrap().push(orders.iter().map(|order| order.0.id.to_string()).collect());
        anyhow::bail!("never")
    }
    let calls = Calls::default();
    let subscriber = batch(fail).retry(Retry::fixed(2, MS)).dead_letter("dead");
    let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
    let test = TestApp::start(app).await;

    test.publish("orders", vec![order(1), order(2)]).await;

    assert_eq!(*calls.lock().unwrap(), [["1", "2"], ["1", "2"]]);
    let dead = test.records("dead");
    assert_eq!(dead.len(), 2);
    assert_eq!(dead[1].headers().get("milena-dead-letter-attempts"), Some(&b"2"[..]));
}

#[tokio::test(start_paused = true)]
async fn the_replies_of_a_batch_hold_all_its_records() {
    async fn bill_all(Batch(orders): Batch<Json<Order>>) -> Vec<Json<Invoice>> {
        orders
            .into_iter()
            .map(|Json(order)| Json(Invoice { order: order.id, cents: order.cents }))
            .collect()
    }
    let broker = Memory::new();
    broker.faults().hold_deliveries();
    let app = Router::new("g").subscribe("orders", batch(bill_all).publish_to("invoices"));
    let test = TestApp::start_on(broker.clone(), app).await;
    broker.create_topic("orders", 1);
    (1..=3).for_each(|cents| produce(&broker, 0, cents));

    tokio::time::sleep(5000 * MS).await;
    assert_eq!(broker.faults().fired().deliveries_held, 3);
    assert_eq!(test.committed("g", "orders"), 0);

    broker.faults().release_deliveries();
    test.settle().await;
    assert_eq!(test.published::<Invoice>("invoices").len(), 3);
    assert_eq!(test.committed("g", "orders"), 3);
    test.stop().await.unwrap();
}
