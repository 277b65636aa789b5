//! Partitions and topics with much to do do not keep the others from their turn.

use super::{
    history::{History, What},
    script::{MS, broker, put, service, settle, working},
};
use crate::kit::TestApp;
use milena::{Router, by_key, record::ProducerRecord, router::by_partition, unordered};

/// How many calls there were before the one with this record of partition 1.
fn before(history: &History, offset: i64) -> Option<usize> {
    let events = history.events();
    let begun = events.iter().filter(|event| event.what == What::Begun);
    begun.into_iter().position(|event| event.at.1 == 1 && event.at.2 == offset)
}

#[tokio::test(start_paused = true)]
async fn a_partition_with_much_to_do_does_not_keep_another_from_its_turn() {
    for order in [by_key(1), by_key(2), unordered(2), by_partition()] {
        for (keys, value) in [(1, "1"), (500, "1"), (500, "0"), (3, "0")] {
            let (broker, history) = (broker(2), History::default());
            (0..4000).for_each(|i| put(&broker, 0, Some(&format!("k{}", i % keys)), value));
            let test = TestApp::start_on(broker.clone(), service(&history, working(order))).await;
            while history.offsets(What::Begun).len() < 500 {
                tokio::task::yield_now().await;
                tokio::time::sleep(MS / 10).await;
            }
            let since = history.offsets(What::Begun).len();
            (0..10).for_each(|_| put(&broker, 1, Some("quiet"), value));

            settle(&test).await;

            let took = before(&history, 9).unwrap() - since;
            // A stretch of calls that are ready at once is one turn.
            let most = if value == "0" { 10 * 64 * 2 } else { 60 };
            assert!(took <= most, "{order:?}, {keys} keys: {took} calls came before the tenth");
            test.stop().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_wait_behind_failures_do_not_keep_another_partition_from_its_turn() {
    let (broker, history) = (broker(2), History::default());
    // Each of many keys has a call in work and others behind it.
    for round in 0..20 {
        for key in 0..100 {
            let value = if round == 0 { "fail 1" } else { "1" };
            put(&broker, 0, Some(&format!("k{key}")), value);
        }
    }
    let subscriber = working(by_key(2)).retry(milena::Retry::fixed(2, 10 * MS));
    let test = TestApp::start_on(broker.clone(), service(&history, subscriber)).await;
    tokio::time::sleep(200 * MS).await;
    let since = history.offsets(What::Begun).len();
    (0..10).for_each(|_| put(&broker, 1, Some("quiet"), "1"));

    settle(&test).await;

    let took = before(&history, 9).unwrap() - since;
    assert!(took <= 60, "{took} calls came before the tenth");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_topic_with_much_to_do_does_not_keep_another_from_its_turn() {
    let (broker, history) = (broker(1), History::default());
    broker.create_topic("quiet", 2);
    (0..4000).for_each(|i| put(&broker, 0, Some(&format!("k{i}")), "1"));
    let app = Router::new("g")
        .subscribe(["t", "quiet"], working(by_key(1)))
        .commit_interval(MS)
        .with_state(history.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    tokio::time::sleep(100 * MS).await;
    let since = history.offsets(What::Begun).len();
    for _ in 0..10 {
        broker.produce(ProducerRecord::new("quiet").partition(1).value("1")).unwrap();
    }

    settle(&test).await;

    assert!(before(&history, 9).unwrap() - since <= 40);
    test.stop().await.unwrap();
}
