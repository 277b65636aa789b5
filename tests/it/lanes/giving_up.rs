//! Partitions that are given up, and services that end, while calls run and records wait for keys.

use super::{
    history::{History, Lane, Rules, What},
    script::{MS, broker, orders, put, service, settle, working},
};
use crate::kit::TestApp;
use milena::{
    Record, Retry, Router, State, by_key, each, error::ErrorKind, extract::Cancellation, unordered,
};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

#[tokio::test(start_paused = true)]
async fn at_the_end_what_runs_may_end_and_what_waits_is_not_begun() {
    for (order, rules) in orders(4) {
        let (broker, history) = (broker(1), History::default());
        for i in 0..12 {
            put(&broker, 0, Some(&format!("k{}", i % 3)), "1000");
        }
        let test = TestApp::start_on(broker.clone(), service(&history, working(order))).await;
        tokio::time::sleep(100 * MS).await;

        test.stop().await.unwrap();

        let running = match rules.lane {
            Lane::Partition => 1,
            Lane::Key | Lane::SomeKey => 3,
            Lane::Free => 4,
        };
        assert_eq!(history.offsets(What::Begun), (0..running).collect::<Vec<_>>(), "{order:?}");
        assert_eq!(history.offsets(What::Done).len() as i64, running);
        assert_eq!(broker.committed("g", "t", 0), Some(running), "{order:?}");
        assert_eq!(broker.members("g"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_just_been_made_is_waited_for() {
    // Many at once, so that some have been polled once and have not had their task yet.
    for order in [by_key(500), unordered(500)] {
        let (broker, history) = (broker(1).max_chunk(500), History::default());
        let test = TestApp::start_on(broker.clone(), service(&history, working(order))).await;
        tokio::time::sleep(MS).await;
        (0..400).for_each(|i| put(&broker, 0, Some(&i.to_string()), "1000"));
        while history.running() == 0 {
            tokio::task::yield_now().await;
        }

        test.stop().await.unwrap();

        let begun = history.offsets(What::Begun).len();
        assert_eq!(history.offsets(What::Done).len(), begun, "{order:?}");
        assert_eq!(broker.committed("g", "t", 0), Some(begun as i64), "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_is_handed_over_when_its_calls_have_ended_and_the_rest_is_the_others() {
    for (order, rules) in orders(6) {
        let (broker, history) = (broker(2), History::default());
        for i in 0..120 {
            put(&broker, i % 2, Some(&format!("k{}", i % 10)), "700");
        }
        let member = |member| service(&history.member(member), working(order));
        let first = TestApp::start_on(broker.clone(), member(1)).await;
        tokio::time::sleep(100 * MS).await;
        let second = TestApp::start_on(broker.clone(), member(2)).await;

        settle(&second).await;

        rules.check(&history);
        let events = history.events();
        assert!(events.iter().any(|event| event.member == 2), "{order:?}: nothing was handed over");
        let mut done = history.offsets(What::Done);
        // In no order, what was done behind a record that was not is done again.
        done.sort_unstable();
        done.dedup();
        assert_eq!(done, (0..60).collect::<Vec<_>>(), "{order:?}");
        assert!(!events.iter().any(|event| event.what == What::Cut));
        first.stop().await.unwrap();
        second.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_end_in_time_is_told_so_and_its_result_is_dropped() {
    async fn until_cancelled(
        record: Record,
        cancellation: Cancellation,
        State((history, fired)): State<(History, Arc<AtomicU32>)>,
    ) {
        let call = history.begin(&record);
        if record.offset() == 1 {
            cancellation.cancelled().await;
            fired.fetch_add(1, SeqCst);
            // Long behind the hand-over.
            tokio::time::sleep(500 * MS).await;
        }
        call.done();
    }
    for (order, _) in orders(6) {
        let (broker, history, fired) = (broker(2), History::default(), Arc::new(AtomicU32::new(0)));
        (0..20).for_each(|i| put(&broker, i % 2, Some(&i.to_string()), "x"));
        let member = |member| {
            Router::new("g")
                .subscribe("t", each(until_cancelled).concurrency(order))
                .commit_interval(MS)
                .drain_timeout(300 * MS)
                .with_state((history.member(member), fired.clone()))
        };
        let first = TestApp::start_on(broker.clone(), member(1)).await;
        tokio::time::sleep(100 * MS).await;
        let second = TestApp::start_on(broker.clone(), member(2)).await;
        tokio::time::sleep(10_000 * MS).await;

        assert_eq!(fired.load(SeqCst), 1, "{order:?}");
        let committed = [0, 1].map(|partition| broker.committed("g", "t", partition));
        assert_eq!(committed, [Some(1); 2], "{order:?}: the late result counts for nothing");
        for test in [first, second] {
            assert_eq!(test.stop().await.unwrap_err().kind(), ErrorKind::Unfinished);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_waits_to_be_tried_again_and_those_behind_it_do_not_keep_the_service_from_ending()
 {
    for (order, _) in orders(2) {
        let (broker, history) = (broker(1), History::default());
        put(&broker, 0, Some("a"), "fail");
        (0..5).for_each(|_| put(&broker, 0, Some("a"), "0"));
        let subscriber = working(order).retry(Retry::fixed(9, 1_000_000 * MS));
        let test = TestApp::start_on(broker.clone(), service(&history, subscriber)).await;
        tokio::time::sleep(100 * MS).await;
        let asked = tokio::time::Instant::now();

        test.stop().await.unwrap();

        assert!(asked.elapsed() < 100 * MS);
        assert_eq!(broker.committed("g", "t", 0), None);
        assert_eq!(history.offsets(What::Failed), [0]);
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_wait_for_a_place_are_dropped_with_their_partition() {
    let (broker, history) = (broker(2), History::default());
    (0..40).for_each(|i| put(&broker, i % 2, Some(&i.to_string()), "never"));
    let app = service(&history, working(by_key(1))).drain_timeout(200 * MS);
    let test = TestApp::start_on(broker.clone(), app).await;
    tokio::time::sleep(100 * MS).await;

    let error = test.stop().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unfinished);
    assert_eq!(history.offsets(What::Begun).len(), 1);
    Rules::new(Lane::Key, 1).check(&history);
}
