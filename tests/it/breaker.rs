use crate::kit::TestApp;
use crate::logs::Logs;
use milena::{Batch, Outcome, Router, State, batch, by_key, each, router::Breaker, unordered};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// What the handlers of these tests depend on, and the calls that they got.
#[derive(Clone)]
struct Outside {
    works: Arc<AtomicBool>,
    start: Instant,
    calls: Arc<Mutex<Vec<(String, Duration)>>>,
}

impl Outside {
    fn broken() -> Self {
        let works = Arc::new(AtomicBool::new(false));
        Self { works, start: Instant::now(), calls: Arc::default() }
    }

    fn called(&self, with: &str) -> anyhow::Result<()> {
        self.calls.lock().unwrap().push((with.to_owned(), self.start.elapsed()));
        anyhow::ensure!(self.works.load(SeqCst) && with != "bad", "the database is gone");
        Ok(())
    }

    fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    /// The whole seconds at which calls were made.
    fn seconds(&self) -> Vec<u64> {
        self.calls.lock().unwrap().iter().map(|(_, at)| at.as_secs()).collect()
    }
}

async fn store(value: String, State(outside): State<Outside>) -> anyhow::Result<()> {
    outside.called(&value)
}

fn produce(broker: &Memory, partition: i32, values: impl IntoIterator<Item = &'static str>) {
    for value in values {
        let record = ProducerRecord::new("t").partition(partition).key(value).value(value);
        broker.produce(record).unwrap();
    }
}

fn quick() -> Breaker {
    Breaker::default().in_a_row(5).cool_down(10 * SECOND)
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_pause_the_subscription_until_a_call_succeeds() {
    let (outside, broker, logs) = (Outside::broken(), Memory::new(), Logs::default());
    let _listening = logs.listen();
    produce(&broker, 0, ["x"; 20]);
    let app = Router::new("g")
        .subscribe("t", each(store).dead_letters().breaker(quick()))
        .with_state(outside.clone());
    let test = TestApp::start_on(broker.clone(), app).await;

    tokio::time::sleep(25 * SECOND).await;
    // Five, and one behind each cool-down.
    assert_eq!(outside.seconds(), [0, 0, 0, 0, 0, 10, 20]);
    assert_eq!((test.records("t.dead").len(), test.committed("g", "t")), (7, 7));
    assert_eq!(broker.members("g"), 1);
    let lines = logs.lines("the circuit breaker is open");
    assert_eq!(lines.len(), 1);
    for part in [
        "ERROR",
        "group=g",
        "topics=\"t\"",
        "too_many=5 in a row",
        "record=\"t/0/4\"",
        "the database is gone",
        "cool_down=10s",
        "trips=1",
    ] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert_eq!(logs.lines("the circuit breaker stays open").len(), 2);

    outside.works.store(true, SeqCst);
    test.settle().await;
    assert_eq!(outside.seconds()[7..], [30; 13]);
    assert_eq!(test.records("t.dead").len(), 7);
    assert_eq!(logs.lines("the circuit breaker is closed").len(), 1);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_breaker_is_there_by_default_and_can_be_taken_away() {
    for without in [false, true] {
        let (outside, broker) = (Outside::broken(), Memory::new());
        produce(&broker, 0, ["x"; 300]);
        let mut subscriber = each(store).skip_failures();
        if without {
            subscriber = subscriber.without_breaker();
        }
        let app = Router::new("g").subscribe("t", subscriber).with_state(outside.clone());
        let test = TestApp::start_on(broker.clone(), app).await;

        tokio::time::sleep(29 * SECOND).await;

        assert_eq!(outside.calls(), if without { 300 } else { 100 });
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(outside.calls(), if without { 300 } else { 101 });
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_of_failures_opens_it_and_a_smaller_one_does_not() {
    for (bad, opens) in [(3, false), (2, true)] {
        let (outside, broker) = (Outside::broken(), Memory::new());
        outside.works.store(true, SeqCst);
        for i in 0..100 {
            produce(&broker, 0, [if i % bad == 0 { "bad" } else { "good" }]);
        }
        let breaker = Breaker::default().share(0.4, 20).cool_down(10 * SECOND);
        let app = Router::new("g")
            .subscribe("t", each(store).dead_letters().breaker(breaker))
            .with_state(outside.clone());
        let test = TestApp::start_on(broker.clone(), app).await;

        tokio::time::sleep(5 * SECOND).await;

        // Each second one fails: it opens with the eighth, the fifteenth record.
        assert_eq!(outside.calls(), if opens { 15 } else { 100 });
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_skips_is_no_failure_and_what_it_dead_letters_is() {
    async fn decide(value: String, State(outside): State<Outside>) -> Outcome {
        let _ = outside.called(&value);
        if value == "skip" { Outcome::skip("not ours") } else { Outcome::dead_letter("odd") }
    }
    for (value, calls) in [("skip", 300), ("bury", 5)] {
        let (outside, broker) = (Outside::broken(), Memory::new());
        produce(&broker, 0, [value; 300]);
        let app = Router::new("g")
            .subscribe("t", each(decide).dead_letters().breaker(quick()))
            .with_state(outside.clone());
        let test = TestApp::start_on(broker.clone(), app).await;

        tokio::time::sleep(5 * SECOND).await;

        assert_eq!(outside.calls(), calls, "{value}");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn it_holds_every_partition_and_every_concurrency_back_but_no_other_subscription() {
    for concurrency in [milena::router::by_partition(), by_key(4), unordered(4)] {
        let (outside, broker) = (Outside::broken(), Memory::new());
        broker.create_topic("t", 3);
        (0..3).for_each(|partition| produce(&broker, partition, ["a", "b", "c", "d", "e", "f"]));
        async fn fine() {}
        let app = Router::new("g")
            .subscribe(
                "t",
                each(store).concurrency(concurrency).dead_letters().breaker(quick().in_a_row(6)),
            )
            .subscribe("u", each(fine))
            .with_state(outside.clone());
        let test = TestApp::start_on(broker.clone(), app).await;

        tokio::time::sleep(5 * SECOND).await;
        let before = outside.calls();
        assert!((6..=9).contains(&before), "{concurrency:?}: {before} calls");
        broker.produce(ProducerRecord::new("u").value("x")).unwrap();
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!((outside.calls(), test.committed("g", "u")), (before, 1));

        tokio::time::sleep(5 * SECOND).await;
        assert_eq!(outside.calls(), before + 1, "{concurrency:?}: one is let through");
        outside.works.store(true, SeqCst);
        test.settle().await;
        assert_eq!(outside.calls(), 18);
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_one_call_that_is_let_through() {
    async fn store_all(
        Batch(values): Batch<String>,
        State(outside): State<Outside>,
    ) -> anyhow::Result<()> {
        outside.called(&values.len().to_string())
    }
    let (outside, broker) = (Outside::broken(), Memory::new());
    produce(&broker, 0, ["x"; 30]);
    let subscriber = batch(store_all).max_records(3).dead_letters().breaker(quick());
    let app = Router::new("g").subscribe("t", subscriber).with_state(outside.clone());
    let test = TestApp::start_on(broker.clone(), app).await;

    tokio::time::sleep(15 * SECOND).await;
    assert_eq!(outside.seconds(), [0, 0, 10]);

    outside.works.store(true, SeqCst);
    test.settle().await;
    assert_eq!(outside.calls(), 10);
    assert_eq!(test.records("t.dead").len(), 9);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_and_a_rebalance_do_not_wait_for_it() {
    let (outside, broker) = (Outside::broken(), Memory::new());
    broker.create_topic("t", 2);
    (0..2).for_each(|partition| produce(&broker, partition, ["x"; 20]));
    let app = || {
        Router::new("g")
            .subscribe("t", each(store).dead_letters().breaker(quick().cool_down(1_000 * SECOND)))
            .with_state(outside.clone())
    };
    let test = TestApp::start_on(broker.clone(), app()).await;
    tokio::time::sleep(5 * SECOND).await;
    let calls = outside.calls();
    assert!((5..=6).contains(&calls), "{calls}");

    // Another member takes over a partition at once, and it has a breaker of its own.
    let second = TestApp::start_on(broker.clone(), app()).await;
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(outside.calls(), calls + 5);

    let before = outside.start.elapsed();
    test.stop().await.unwrap();
    second.stop().await.unwrap();
    assert!(outside.start.elapsed() - before < 5 * SECOND);
    assert_eq!(broker.records("t.dead").len(), outside.calls());
}

#[tokio::test(start_paused = true)]
async fn another_call_is_let_through_when_the_first_one_does_not_end() {
    async fn hang_or_store(value: String, State(outside): State<Outside>) -> anyhow::Result<()> {
        let result = outside.called(&value);
        if value == "hang" {
            std::future::pending::<()>().await;
        }
        result
    }
    let (outside, broker) = (Outside::broken(), Memory::new());
    broker.create_topic("t", 2);
    produce(&broker, 0, ["x", "x", "x", "x", "x", "hang"]);
    let app = Router::new("g")
        .subscribe("t", each(hang_or_store).dead_letters().breaker(quick()))
        .drain_timeout(SECOND)
        .with_state(outside.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    tokio::time::sleep(5 * SECOND).await;
    produce(&broker, 1, ["y"; 5]);
    outside.works.store(true, SeqCst);

    tokio::time::sleep(20 * SECOND).await;

    let seconds = outside.seconds();
    assert_eq!(seconds[..6], [0, 0, 0, 0, 0, 10]);
    assert_eq!(test.broker().committed("g", "t", 1), Some(5), "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tenth_of_poison_at_the_head_of_a_hot_partition_does_not_open_it() {
    let (outside, broker) = (Outside::broken(), Memory::new());
    outside.works.store(true, SeqCst);
    broker.create_topic("t", 2);
    for i in 0..2_000 {
        let poison: &[u8] = if i % 10 == 0 { &[0xff, 0xfe] } else { b"fine" };
        broker.produce(ProducerRecord::new("t").partition(0).value(poison.to_vec())).unwrap();
    }
    produce(&broker, 1, ["x"; 10]);
    let app =
        Router::new("g").subscribe("t", each(store).dead_letters()).with_state(outside.clone());
    let test = TestApp::start_on(broker, app).await;

    test.settle().await;

    assert_eq!((test.records("t.dead").len(), outside.calls()), (200, 1_810));
    test.stop().await.unwrap();
}
