use super::{
    history::{History, Lane, Rules, What},
    script::{MS, broker, put, service, settle, working},
};
use crate::kit::TestApp;
use milena::{Record, Retry, Router, State, by_key, each, record::ProducerRecord};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    thread::ThreadId,
    time::Duration,
};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn records_of_a_key_are_one_after_the_other_and_keys_are_side_by_side() {
    let (broker, history) = (broker(1), History::default());
    (0..60).for_each(|i| put(&broker, 0, Some(&format!("k{}", i % 3)), "5"));
    let start = Instant::now();
    let test = TestApp::start_on(broker, service(&history, working(by_key(16)))).await;

    while history.offsets(What::Done).len() < 60 {
        tokio::time::sleep(MS).await;
    }

    Rules::new(Lane::Key, 3).check(&history);
    assert!((100 * MS..150 * MS).contains(&start.elapsed()), "{:?}", start.elapsed());
    settle(&test).await;
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_run_than_asked_over_all_partitions_and_topics() {
    let (broker, history) = (broker(4), History::default());
    broker.create_topic("u", 2);
    (0..40).for_each(|i| put(&broker, i % 4, Some(&format!("k{i}")), "never"));
    for i in 0..20 {
        let record = ProducerRecord::new("u").partition(i % 2).key(i.to_string()).value("never");
        broker.produce(record).unwrap();
    }
    let app = Router::new("g")
        .subscribe(["t", "u"], working(by_key(5)))
        .drain_timeout(MS)
        .with_state(history.clone());
    let test = TestApp::start_on(broker, app).await;

    tokio::time::sleep(1000 * MS).await;

    assert_eq!(history.running(), 5);
    Rules::new(Lane::Key, 5).check(&history);
    test.stop().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_stuck_keeps_nobody_but_its_own_records() {
    let (broker, history) = (broker(1), History::default());
    put(&broker, 0, Some("stuck"), "never");
    for i in 1..900 {
        let key = if i % 3 == 0 { "stuck".into() } else { format!("k{}", i % 50) };
        put(&broker, 0, Some(&key), if i % 2 == 0 { "0" } else { "1" });
    }
    let app = service(&history, working(by_key(2))).drain_timeout(MS);
    let test = TestApp::start_on(broker.clone(), app).await;

    tokio::time::sleep(5000 * MS).await;

    assert_eq!(history.offsets(What::Done).len(), 600);
    assert_eq!((history.running(), broker.committed("g", "t", 0)), (1, None));
    Rules::new(Lane::Key, 2).check(&history);
    test.stop().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_key_that_waits_to_be_tried_again_takes_no_place_and_keeps_its_order() {
    let (broker, history) = (broker(1), History::default());
    for value in ["fail 2", "2", "0"] {
        put(&broker, 0, Some("a"), value);
    }
    (0..100).for_each(|i| put(&broker, 0, Some(&format!("k{}", i % 7)), "1"));
    let subscriber = working(by_key(1)).retry(Retry::fixed(2, 60_000 * MS));
    let test = TestApp::start_on(broker.clone(), service(&history, subscriber)).await;

    tokio::time::sleep(30_000 * MS).await;
    assert_eq!(history.offsets(What::Done), (3..103).collect::<Vec<_>>());
    settle(&test).await;

    assert_eq!(history.offsets(What::Done)[100..], [0, 1, 2]);
    Rules::new(Lane::Key, 1).check(&history);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn null_is_no_key_and_keeps_the_order_of_its_partition_unless_it_is_free() {
    for (free, lane, at_once) in [(false, Lane::Key, 3), (true, Lane::SomeKey, 42)] {
        let (broker, history) = (broker(2), History::default());
        put(&broker, 0, Some(""), "5");
        put(&broker, 0, Some(""), "5");
        for i in 0..40 {
            put(&broker, i % 2, None, if i % 5 == 4 { "0" } else { "5" });
        }
        let order = if free { by_key(64).free_null_keys() } else { by_key(64) };
        let test = TestApp::start_on(broker, service(&history, working(order))).await;

        settle(&test).await;

        Rules::new(lane, at_once).check(&history);
        let mut done = history.offsets(What::Done);
        done.sort_unstable();
        assert_eq!(done, (0..20).flat_map(|i| [i, i]).chain([20, 21]).collect::<Vec<_>>());
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn null_and_the_empty_key_do_not_wait_for_each_other() {
    let (broker, history) = (broker(1), History::default());
    put(&broker, 0, None, "never");
    put(&broker, 0, Some(""), "0");
    put(&broker, 0, Some(""), "never");
    put(&broker, 0, None, "0");
    let app = service(&history, working(by_key(8))).drain_timeout(MS);
    let test = TestApp::start_on(broker, app).await;

    tokio::time::sleep(100 * MS).await;

    assert_eq!(history.offsets(What::Begun), [0, 1, 2]);
    assert_eq!(history.offsets(What::Done), [1]);
    test.stop().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_key_in_another_partition_is_another_key() {
    let (broker, history) = (broker(3), History::default());
    (0..3).for_each(|partition| put(&broker, partition, Some("a"), "never"));
    let app = service(&history, working(by_key(8))).drain_timeout(MS);
    let test = TestApp::start_on(broker, app).await;

    tokio::time::sleep(100 * MS).await;

    assert_eq!(history.running(), 3);
    test.stop().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_ready_at_once_mix_with_others_and_keep_the_order_of_each_key() {
    let (broker, history) = (broker(2), History::default());
    for i in 0..4000 {
        let value = if i % 11 == 0 { "2" } else { "0" };
        put(&broker, i % 2, Some(&format!("k{}", i * 31 % 97)), value);
    }
    let test = TestApp::start_on(broker, service(&history, working(by_key(8)))).await;

    settle(&test).await;

    Rules::new(Lane::Key, 8).check(&history);
    assert_eq!(history.offsets(What::Done).len(), 4000);
    test.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_keeps_its_thread_busy_spreads_over_threads() {
    type Threads = Arc<Mutex<HashSet<ThreadId>>>;
    async fn block(_: Record, State(threads): State<Threads>) {
        threads.lock().unwrap().insert(std::thread::current().id());
        std::thread::sleep(Duration::from_millis(3));
    }
    for order in [by_key(8), milena::unordered(8)] {
        let (broker, threads) = (broker(1), Threads::default());
        (0..200).for_each(|i| put(&broker, 0, Some(&i.to_string()), ""));
        let app = Router::new("g")
            .subscribe("t", each(block).concurrency(order))
            .commit_interval(MS)
            .with_state(threads.clone());
        let test = TestApp::start_on(broker, app).await;

        settle(&test).await;

        let threads = threads.lock().unwrap().len();
        assert!(threads > 1, "one thread made all calls");
        test.stop().await.unwrap();
    }
}
