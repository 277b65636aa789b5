//! What becomes of records, in every order.

use super::{
    history::{History, What},
    script::{MS, broker, orders, put, service, settle, work, working},
};
use crate::kit::TestApp;
use milena::{
    Record, Retry, Router, State, each, error::ErrorKind, record::ProducerRecord, router::AckPolicy,
};
use tower::{limit::ConcurrencyLimitLayer, timeout::TimeoutLayer};

/// The values of a topic.
fn values(test: &TestApp, topic: &str) -> Vec<String> {
    let text = |record: &Record| String::from_utf8(record.value().unwrap().to_vec()).unwrap();
    let mut values: Vec<_> = test.records(topic).iter().map(text).collect();
    values.sort();
    values
}

#[tokio::test(start_paused = true)]
async fn every_outcome_is_obeyed_and_the_others_go_on() {
    for (order, rules) in orders(4) {
        let (broker, history) = (broker(2), History::default());
        let bad = [
            "fail",
            "panic",
            "1+panic",
            "2+fail",
            "dead",
            "3+dead",
            "fail fail 1",
            "again 1",
            "skip",
        ];
        for i in 0..180 {
            let value = if i % 4 == 3 { bad[i / 4 % bad.len()] } else { ["0", "1"][i / 3 % 2] };
            put(&broker, i as i32 % 2, Some(&format!("k{}", i % 13)), value);
        }
        let subscriber =
            working(order).retry(Retry::exponential(3).starting_at(MS)).dead_letter("dead");
        let test = TestApp::start_on(broker, service(&history, subscriber)).await;

        settle(&test).await;

        rules.check(&history);
        let mut dead = values(&test, "dead");
        dead.dedup();
        assert_eq!(dead, ["1+panic", "2+fail", "3+dead", "dead", "fail", "panic"], "{order:?}");
        assert_eq!(test.records("dead").len(), 30, "{order:?}");
        assert_eq!(history.running(), 0);
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_are_skipped_keep_nobody() {
    for (order, rules) in orders(3) {
        let (broker, history) = (broker(1), History::default());
        (0..60).for_each(|i| {
            put(&broker, 0, Some(&format!("k{}", i % 7)), ["1", "fail", "1+panic"][i % 3]);
        });
        let test =
            TestApp::start_on(broker, service(&history, working(order).skip_failures())).await;

        settle(&test).await;

        rules.check(&history);
        assert_eq!(history.offsets(What::Begun).len(), 60, "{order:?}");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_service_stops_before_a_failure_and_what_runs_may_end() {
    for stop in ["10+stop", "10+fail", "10+panic"] {
        for (order, rules) in orders(4) {
            let (broker, history) = (broker(1), History::default());
            for value in ["1", "1", stop, "20", "5000"] {
                put(&broker, 0, Some(value), value);
            }
            (0..20).for_each(|_| put(&broker, 0, Some(stop), "0"));
            let app = service(&history, working(order)).drain_timeout(100 * MS);
            let test = TestApp::start_on(broker.clone(), app).await;
            test.try_settle().await.unwrap_err();

            let error = test.stop().await.unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Record, "{error}");
            assert!(error.to_string().starts_with("could not process record t/0/2 in 1 call: "));
            assert_eq!(broker.committed("g", "t", 0), Some(2), "{order:?}");
            let done = history.offsets(What::Done);
            let may: &[i64] = if rules.most == usize::MAX { &[0, 1] } else { &[0, 1, 3] };
            let behind: Vec<_> = done.iter().filter(|offset| **offset < 5).collect();
            assert_eq!(behind, may.iter().collect::<Vec<_>>(), "{order:?}, {done:?}");
            assert_eq!(broker.members("g"), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn replies_go_out_in_every_order_and_hold_their_records() {
    async fn copy(text: String) -> String {
        let time = text.parse().unwrap_or(0);
        if time > 0 {
            tokio::time::sleep(time * MS).await;
        }
        text
    }
    for (order, _) in orders(4) {
        let broker = broker(2);
        broker.faults().hold_deliveries();
        (0..100).for_each(|i| {
            let value = if i % 10 == 9 { "3".into() } else { format!("0{i}x") };
            put(&broker, i % 2, Some(&format!("k{}", i % 9)), &value);
        });
        let app = Router::new("g")
            .subscribe("t", each(copy).concurrency(order).publish_to("copies"))
            .commit_interval(MS);
        let test = TestApp::start_on(broker.clone(), app).await;

        tokio::time::sleep(1000 * MS).await;
        assert_eq!(broker.faults().fired().deliveries_held, 100, "{order:?}");
        assert_eq!(test.committed("g", "t"), 0);
        broker.faults().release_deliveries();
        settle(&test).await;

        assert_eq!(values(&test, "copies"), values(&test, "t"), "{order:?}");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_producer_without_room_is_waited_for_in_every_order() {
    async fn copy(text: String) -> String {
        text
    }
    for (order, _) in orders(4) {
        let broker = broker(1);
        broker.faults().hold_deliveries();
        broker.faults().limit_room(Some(5));
        (0..40).for_each(|i| put(&broker, 0, Some(&format!("k{}", i % 9)), &i.to_string()));
        let app = Router::new("g")
            .subscribe("t", each(copy).concurrency(order).publish_to("copies"))
            .commit_interval(MS);
        let test = TestApp::start_on(broker.clone(), app).await;

        tokio::time::sleep(100 * MS).await;
        assert!(broker.faults().fired().producers_full > 0);
        assert_eq!(broker.records("copies").len(), 5, "{order:?}");
        broker.faults().limit_room(None);
        broker.faults().release_deliveries();
        settle(&test).await;

        assert_eq!(values(&test, "copies"), values(&test, "t"));
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn layers_wrap_calls_in_every_order() {
    for (order, rules) in orders(6) {
        let (broker, history) = (broker(1), History::default());
        for i in 0..60 {
            put(&broker, 0, Some(&format!("k{}", i % 10)), if i % 20 == 7 { "never" } else { "2" });
        }
        let subscriber = each(work)
            .layer(ConcurrencyLimitLayer::new(3))
            .layer(TimeoutLayer::new(100 * MS))
            .concurrency(order)
            .dead_letter("dead");
        let test = TestApp::start_on(broker, service(&history, subscriber)).await;

        settle(&test).await;

        rules.check(&history);
        assert_eq!(values(&test, "dead"), ["never"; 3], "{order:?}");
        assert_eq!(history.offsets(What::Done).len(), 57);
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn on_receive_records_are_committed_before_they_are_done_in_every_order() {
    for (order, rules) in orders(3) {
        let (broker, history) = (broker(1), History::default());
        (0..50).for_each(|i| put(&broker, 0, Some(&format!("k{}", i % 5)), "100"));
        let subscriber = working(order).ack(AckPolicy::OnReceive);
        let test = TestApp::start_on(broker, service(&history, subscriber)).await;

        settle(&test).await;
        assert!(history.offsets(What::Done).len() < 10, "{order:?}");
        tokio::time::sleep(6000 * MS).await;

        rules.check(&history);
        assert_eq!(history.offsets(What::Done).len(), 50, "{order:?}");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_waits_for_its_dead_letter_and_a_retry_goes_on_behind_it() {
    async fn decode(
        number: String,
        State(history): State<History>,
        record: Record,
    ) -> anyhow::Result<()> {
        let call = history.begin(&record);
        anyhow::ensure!(number.parse::<u32>().is_ok(), "no number");
        if record.attempt() == 1 {
            anyhow::bail!("not yet");
        }
        call.done();
        Ok(())
    }
    for (order, _) in orders(4) {
        let (broker, history) = (broker(1), History::default());
        broker.faults().refuse_writes("dead", ErrorKind::Unauthorized);
        for (key, value) in [("a", "x"), ("b", "1"), ("c", "2"), ("b", "3")] {
            put(&broker, 0, Some(key), value);
        }
        let subscriber =
            each(decode).concurrency(order).retry(Retry::fixed(2, 200 * MS)).dead_letter("dead");
        let test = TestApp::start_on(broker.clone(), service(&history, subscriber)).await;

        tokio::time::sleep(60_000 * MS).await;
        assert!(broker.faults().fired().writes_refused > 1);
        broker.faults().accept_writes("dead");
        settle(&test).await;

        let mut done = history.offsets(What::Done);
        done.sort_unstable();
        assert_eq!(done, [1, 2, 3], "{order:?}");
        assert_eq!(test.records("dead").len(), 1);
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn two_subscriptions_of_a_topic_are_each_in_order_and_settle_a_record_together() {
    for (order, rules) in orders(4) {
        let (broker, one, two) = (broker(1), History::default(), History::default());
        (0..60).for_each(|i| {
            let record = ProducerRecord::new("t").key(format!("k{}", i % 5)).value("3");
            broker.produce(record).unwrap();
        });
        async fn slower(record: Record, State(history): State<Slow>) {
            let call = history.0.begin(&record);
            tokio::time::sleep(7 * MS).await;
            call.done();
        }
        #[derive(Clone)]
        struct Slow(History);
        let app = Router::new("g")
            .subscribe("t", working(order))
            .with_state(one.clone())
            .merge(
                Router::new("g")
                    .subscribe("t", each(slower).concurrency(order))
                    .with_state(Slow(two.clone())),
            )
            .commit_interval(MS);
        let test = TestApp::start_on(broker, app).await;

        settle(&test).await;

        for history in [one, two] {
            rules.check(&history);
            assert_eq!(history.offsets(What::Done).len(), 60);
        }
        test.stop().await.unwrap();
    }
}
