//! Batches side by side.

use super::{
    history::{At, History, Lane, Rules, What},
    script::{MS, broker, orders, put, service, settle},
};
use crate::kit::TestApp;
use milena::{
    Batch, Record, Retry, State, batch, by_key,
    router::{Batched, Concurrency, Subscriber},
    unordered,
};
use std::{collections::BTreeSet, sync::Arc};

/// Takes as many milliseconds as its first record says, and fails in the first attempt with a record `fail`.
async fn work(
    Batch(records): Batch<(Record, String)>,
    State(history): State<History>,
) -> anyhow::Result<()> {
    let call = history.begin_batch(records.iter().map(|(record, _)| record));
    let time = records.iter().filter_map(|(_, text)| text.parse().ok()).max().unwrap_or(0);
    if time > 100_000 {
        std::future::pending::<()>().await;
    }
    if time > 0 {
        tokio::time::sleep(time * MS).await;
    }
    if records.iter().any(|(record, text)| text == "fail" && record.attempt() == 1) {
        call.failed();
        anyhow::bail!("it was told to");
    }
    call.done();
    Ok(())
}

fn working(order: Concurrency) -> Subscriber<History, anyhow::Result<()>, Batched> {
    batch(work).max_records(10).max_wait(5 * MS).concurrency(order)
}

#[tokio::test(start_paused = true)]
async fn no_two_batches_that_run_have_a_key_in_common_and_each_key_keeps_its_order() {
    for across in [false, true] {
        let (broker, history) = (broker(3), History::default());
        for i in 0..900 {
            let value = if i % 50 == 7 { "fail" } else { "3" };
            put(&broker, i % 3, Some(&format!("k{}", i * 31 % 40)), value);
        }
        let mut subscriber = working(by_key(4)).retry(Retry::fixed(2, 20 * MS));
        if across {
            subscriber = subscriber.across_partitions();
        }
        let test = TestApp::start_on(broker.clone(), service(&history, subscriber)).await;

        settle(&test).await;

        Rules::new(Lane::Key, 4).check(&history);
        assert_eq!(test.committed("g", "t"), 900);
        test.stop().await.unwrap();
    }
}

/// How many calls ran at most, and how many records each had.
type Sizes = Arc<std::sync::Mutex<(usize, usize, Vec<usize>)>>;

async fn count(Batch(records): Batch<Record>, State(sizes): State<Sizes>) {
    {
        let mut sizes = sizes.lock().unwrap();
        sizes.0 += 1;
        sizes.1 = sizes.1.max(sizes.0);
        sizes.2.push(records.len());
    }
    tokio::time::sleep(5 * MS).await;
    sizes.lock().unwrap().0 -= 1;
}

#[tokio::test(start_paused = true)]
async fn no_more_batches_run_than_asked_over_all_partitions() {
    for (order, most) in [(by_key(3), 3), (unordered(3), 3), (milena::router::by_partition(), 4)] {
        let (broker, sizes) = (broker(4), Sizes::default());
        (0..800).for_each(|i| put(&broker, i % 4, Some(&i.to_string()), "x"));
        let subscriber = batch(count).max_records(10).concurrency(order);
        let app = milena::Router::new("g").subscribe("t", subscriber).with_state(sizes.clone());
        let test = TestApp::start_on(broker, app).await;

        settle(&test).await;

        let (_, at_once, each) = sizes.lock().unwrap().clone();
        assert_eq!((at_once, each), (most, vec![10; 80]), "{order:?}");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_stuck_keeps_its_keys_and_nobody_else() {
    for order in [by_key(4), unordered(4)] {
        let (broker, history) = (broker(1), History::default());
        put(&broker, 0, Some("stuck"), "1000000");
        (0..9).for_each(|i| put(&broker, 0, Some(&format!("s{i}")), "0"));
        for i in 0..5000 {
            let key = if i % 10 == 0 { "stuck".into() } else { format!("k{}", i % 60) };
            put(&broker, 0, Some(&key), "0");
        }
        let app = service(&history, working(order)).drain_timeout(MS);
        let test = TestApp::start_on(broker.clone(), app).await;

        tokio::time::sleep(1000 * MS).await;

        let events = history.events();
        let last = events.iter().filter(|it| it.what == What::Done).map(|it| it.at.2).max();
        assert!(last > Some(5000), "{order:?}: {last:?}");
        assert_eq!(broker.committed("g", "t", 0), None);
        if order == by_key(4) {
            let of_stuck = events.iter().filter(|it| it.key.as_deref() == Some(b"stuck"));
            assert_eq!(of_stuck.count(), 1);
        }
        test.stop().await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_with_most_of_the_records_fills_batches_in_order() {
    let (broker, history) = (broker(1), History::default());
    for i in 0..3000 {
        put(&broker, 0, Some(if i % 20 == 0 { "cold" } else { "hot" }), "1");
    }
    let test = TestApp::start_on(broker, service(&history, working(by_key(4)))).await;

    settle(&test).await;

    Rules::new(Lane::Key, 4).check(&history);
    let calls: BTreeSet<_> = history.events().iter().map(|event| event.call).collect();
    let calls = calls.len();
    assert!(calls < 600, "{calls} calls for 3000 records in batches of 10");
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_record_fails_alone_in_every_order() {
    for (order, _) in orders(3) {
        let (broker, history) = (broker(2), History::default());
        for i in 0..100 {
            let record = milena::record::ProducerRecord::new("t").partition(i % 2);
            let record = record.key(format!("k{}", i % 7));
            let bad = i % 10 == 3;
            broker
                .produce(if bad { record.value(&b"\xff"[..]) } else { record.value("1") })
                .unwrap();
        }
        let subscriber = working(order).dead_letter("dead").retry(Retry::fixed(5, MS));
        let test = TestApp::start_on(broker, service(&history, subscriber)).await;

        settle(&test).await;

        assert_eq!(test.records("dead").len(), 10, "{order:?}");
        let events = history.events();
        assert!(!events.iter().any(|it| it.what == What::Failed), "{order:?}");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_end_batches_that_run_may_end_and_no_other_begins_but_with_what_is_overtaken() {
    for (order, all) in [(milena::router::by_partition(), 10), (by_key(2), 50), (unordered(2), 20)]
    {
        let (broker, history) = (broker(1), History::default());
        // By key, the second batch has the records behind those that wait for the keys of the first.
        for i in 0..100 {
            let key = if i < 40 { i % 4 } else { i };
            put(&broker, 0, Some(&format!("k{key}")), "1000");
        }
        let test = TestApp::start_on(broker.clone(), service(&history, working(order))).await;
        tokio::time::sleep(100 * MS).await;

        test.stop().await.unwrap();

        assert_eq!(broker.committed("g", "t", 0), Some(all), "{order:?}");
        assert_eq!(history.offsets(What::Done).len() as i64, all, "{order:?}");
        assert_eq!(history.running(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_of_a_batch_that_waits_to_be_tried_again_is_given_up_at_once() {
    for order in [milena::router::by_partition(), by_key(3), unordered(3)] {
        let (broker, history) = (broker(2), History::default());
        put(&broker, 0, Some("a"), "fail");
        put(&broker, 1, Some("b"), "fail");
        let member = |member| {
            let retry = Retry::fixed(2, 5_000 * MS);
            let subscriber = working(order).retry(retry).across_partitions();
            service(&history.member(member), subscriber)
        };
        let first = TestApp::start_on(broker.clone(), member(1)).await;
        tokio::time::sleep(100 * MS).await;
        let asked = tokio::time::Instant::now();
        let second = TestApp::start_on(broker.clone(), member(2)).await;

        let of_second = || history.events().into_iter().find(|event| event.member == 2);
        while of_second().is_none() {
            tokio::time::sleep(MS).await;
        }
        assert!(asked.elapsed() < 200 * MS, "{order:?}: {:?}", asked.elapsed());
        settle(&second).await;

        let done: BTreeSet<At> = history
            .events()
            .into_iter()
            .filter(|it| it.what == What::Done)
            .map(|it| it.at)
            .collect();
        assert_eq!(done.len(), 2);
        first.stop().await.unwrap();
        second.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_key_while_others_behind_it_are_done_is_not_repeated_by_the_next_owner() {
    for across in [false, true] {
        let (broker, history) = (broker(2), History::default());
        // Half of the records are of one key, so that those behind them come first.
        for i in 0..1200 {
            let key = if i % 4 < 2 { "hot".into() } else { format!("k{i}") };
            put(&broker, i % 2, Some(&key), "20");
        }
        let member = |member| {
            let subscriber = match across {
                true => working(by_key(4)).across_partitions(),
                false => working(by_key(4)),
            };
            service(&history.member(member), subscriber)
        };
        let first = TestApp::start_on(broker.clone(), member(1)).await;
        tokio::time::sleep(50 * MS).await;
        let second = TestApp::start_on(broker.clone(), member(2)).await;

        settle(&second).await;

        Rules::new(Lane::Key, 4).check(&history);
        let events = history.events();
        let done: Vec<_> = events.iter().filter(|it| it.what == What::Done).collect();
        assert!(done.iter().any(|it| it.member == 2), "nothing was handed over");
        assert_eq!(done.len(), 1200, "{} came again", done.len().saturating_sub(1200));
        first.stop().await.unwrap();
        second.stop().await.unwrap();
    }
}
