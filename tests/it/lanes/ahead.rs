//! How far a partition runs ahead of a record that is not done.

use super::{
    history::{History, What},
    script::{MS, broker, put, service, settle, working},
};
use crate::kit::TestApp;
use milena::{by_key, router::AckPolicy, unordered};
use std::{
    io::Write,
    sync::{Arc, Mutex},
};
use tracing_subscriber::fmt::MakeWriter;

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Takes it down from now on, for as long as the guard lives.
    fn listen(&self) -> impl Sized + use<> {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
            .with_ansi(false)
            .with_writer(self.clone())
            .finish();
        tracing_subscriber::util::SubscriberInitExt::set_default(subscriber)
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_not_done_holds_its_partition_back_at_the_bound_and_no_other() {
    for order in [by_key(4), unordered(4)] {
        let (broker, history, log) = (broker(2).max_chunk(100), History::default(), Log::default());
        let _guard = log.listen();
        put(&broker, 0, Some("slow"), "0");
        put(&broker, 0, Some("slow"), "10000");
        for i in 0..5000 {
            put(&broker, i % 2, Some(&format!("k{}", i % 50)), "0");
        }
        let app = service(&history, working(order)).buffer(200, 1 << 20).max_ahead(1000, 1 << 20);
        let test = TestApp::start_on(broker.clone(), app).await;

        tokio::time::sleep(9000 * MS).await;
        let done = |partition| {
            let events = history.events();
            events.iter().filter(|it| it.what == What::Done && it.at.1 == partition).count()
        };
        assert_eq!(done(1), 2500, "{order:?}: the other partition is done");
        assert!((900..1200).contains(&done(0)), "{order:?}: {} records ahead", done(0));
        assert_eq!(broker.committed("g", "t", 0), Some(1));
        let warned: Vec<_> =
            log.lines().into_iter().filter(|line| line.contains("holds its partition")).collect();
        assert_eq!(warned.len(), 1, "{warned:?}");
        assert!(
            warned[0].contains("partition=t/0") && warned[0].contains("offset=1 "),
            "{warned:?}"
        );

        settle(&test).await;
        assert_eq!((done(0), done(1)), (2502, 2500));
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_bound_counts_bytes_as_well() {
    let (broker, history, log) = (broker(1).max_chunk(10), History::default(), Log::default());
    let _guard = log.listen();
    put(&broker, 0, Some("slow"), "10000");
    let padded = format!("0{}", "+0".repeat(5000));
    (0..1000).for_each(|i| put(&broker, 0, Some(&format!("k{i}")), &padded));
    let app = service(&history, working(by_key(4))).max_ahead(1_000_000, 1 << 20);
    let test = TestApp::start_on(broker, app).await;

    tokio::time::sleep(9000 * MS).await;
    let done = history.offsets(What::Done).len();
    assert!((80..130).contains(&done), "{done} records of 10 kB ahead");
    assert_eq!(log.lines().len(), 1, "{:?}", log.lines());

    settle(&test).await;
    assert_eq!(history.offsets(What::Done).len(), 1001);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn records_that_wait_for_one_key_are_bounded_as_well() {
    for ack in [AckPolicy::OnSuccess, AckPolicy::OnReceive] {
        let (broker, history) = (broker(1).max_chunk(10), History::default());
        (0..3000).for_each(|_| put(&broker, 0, Some("a"), "10"));
        let subscriber = working(by_key(4)).ack(ack);
        let app = service(&history, subscriber).max_ahead(100, 1 << 20).drain_timeout(MS);
        let test = TestApp::start_on(broker.clone(), app).await;

        tokio::time::sleep(1000 * MS).await;

        let begun = history.offsets(What::Begun).len() as i64;
        let received = broker.committed("g", "t", 0).unwrap();
        assert!(begun > 80, "{begun}");
        if ack == AckPolicy::OnReceive {
            assert!(
                (begun..begun + 200).contains(&received),
                "{received} were read, {begun} begun"
            );
        }
        drop(test);
    }
}

/// The first record takes long, and many behind it do not.
#[tokio::test(start_paused = true)]
async fn a_restart_repeats_only_what_was_done_behind_a_record_that_was_not() {
    const BEHIND: usize = 20_000;
    for order in [by_key(4), unordered(4)] {
        let (broker, history) = (broker(1).max_chunk(100), History::default());
        put(&broker, 0, Some("slow"), "10000");
        (0..BEHIND).for_each(|i| put(&broker, 0, Some(&format!("k{}", i % 50)), "0"));
        let app = || {
            let app = service(&history, working(order)).buffer(200, 1 << 20);
            app.max_ahead(1000, 1 << 20).drain_timeout(MS)
        };
        let test = TestApp::start_on(broker.clone(), app()).await;
        tokio::time::sleep(9000 * MS).await;
        let _ = test.stop().await;
        let before = history.offsets(What::Done);
        assert!((900..1200).contains(&before.len()), "{order:?}: {} records ahead", before.len());
        assert!(!before.contains(&0), "{order:?}: it was not done");
        assert!(broker.committed("g", "t", 0).is_none_or(|offset| offset == 0), "{order:?}");

        let test = TestApp::start_on(broker.clone(), app()).await;
        settle(&test).await;
        test.stop().await.unwrap();

        let mut after = history.offsets(What::Done).split_off(before.len());
        after.sort_unstable();
        assert_eq!(after, (0..=BEHIND as i64).collect::<Vec<_>>(), "{order:?}");
        assert_eq!(broker.committed("g", "t", 0), Some(BEHIND as i64 + 1), "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_counts_as_done_when_it_is_received_is_never_held_back_for_long() {
    for (order, _) in super::script::orders(8) {
        let (broker, history) = (broker(1), History::default());
        (0..3000).for_each(|i| put(&broker, 0, Some(&format!("k{}", i % 50)), "0"));
        let subscriber = working(order).ack(AckPolicy::OnReceive);
        let app = service(&history, subscriber).max_ahead(700, 1 << 20).commit_interval(5000 * MS);
        let test = TestApp::start_on(broker, app).await;

        tokio::time::sleep(1000 * MS).await;

        assert_eq!(history.offsets(What::Done).len(), 3000, "{order:?}");
        test.stop().await.unwrap();
    }
}
