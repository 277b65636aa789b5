use crate::billing::{Order, order};
use crate::kit::TestApp;
use milena::{
    Batch, Json, Outcome, Retry, Router, State, batch, each, error::ErrorKind, extract::Attempt,
};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

/// The calls that a handler got: what it was called with, the number of the attempt, and when.
#[derive(Clone)]
struct Calls {
    start: Instant,
    seen: Arc<Mutex<Vec<(i64, u32, Duration)>>>,
}

impl Calls {
    fn new() -> Self {
        Self { start: Instant::now(), seen: Arc::default() }
    }

    fn note(&self, cents: i64, attempt: u32) {
        self.seen.lock().unwrap().push((cents, attempt, self.start.elapsed()));
    }

    fn seen(&self) -> Vec<(i64, u32)> {
        self.seen.lock().unwrap().iter().map(|(cents, attempt, _)| (*cents, *attempt)).collect()
    }

    fn times(&self) -> Vec<Duration> {
        self.seen.lock().unwrap().iter().map(|(_, _, at)| *at).collect()
    }
}

/// Fails for ever with an order whose price is negative.
async fn fail(
    Json(order): Json<Order>,
    Attempt(attempt): Attempt,
    State(calls): State<Calls>,
) -> io::Result<()> {
    calls.note(order.cents, attempt);
    if order.cents < 0 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
}

fn produce(broker: &Memory, partition: i32, cents: i64) {
    let value = serde_json::to_vec(&order(cents).0).unwrap();
    broker.produce(ProducerRecord::new("orders").partition(partition).value(value)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn delays_have_jitter_between_the_half_and_the_whole() {
    let calls = Calls::new();
    let subscriber = each(fail).retry(Retry::exponential(5)).dead_letter("dead");
    let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
    let test = TestApp::start(app).await;

    test.publish("orders", order(-1)).await;

    let times = calls.times();
    assert_eq!(times.len(), 5);
    for (i, pair) in times.windows(2).enumerate() {
        let (delay, whole) = (pair[1] - pair[0], 100 * MS * (1 << i));
        // The timer counts whole milliseconds.
        assert!((whole / 2..=whole + MS).contains(&delay), "{delay:?} of {whole:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn retries_for_ever_end_when_the_call_succeeds_and_other_partitions_run_on() {
    async fn fail_often(
        Json(order): Json<Order>,
        Attempt(attempt): Attempt,
        State(calls): State<Calls>,
    ) -> io::Result<()> {
        calls.note(order.cents, attempt);
        if order.cents < 0 && attempt < 50 { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
    let (calls, broker) = (Calls::new(), Memory::new());
    broker.create_topic("orders", 2);
    produce(&broker, 0, -1);
    produce(&broker, 0, 2);
    produce(&broker, 1, 3);
    let app = Router::new("g")
        .subscribe("orders", each(fail_often).retry(Retry::forever()))
        .with_state(calls.clone());
    let test = TestApp::start_on(broker.clone(), app).await;

    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(calls.seen().contains(&(3, 1)), "the other partition runs on");
    assert!(!calls.seen().contains(&(2, 1)), "what stands behind the failing record waits");
    assert_eq!(
        (broker.committed("g", "orders", 0), broker.committed("g", "orders", 1)),
        (None, Some(1))
    );
    assert_eq!(broker.members("g"), 1);

    test.settle().await;
    let attempts: Vec<_> = calls.seen().into_iter().filter(|(cents, _)| *cents == -1).collect();
    assert_eq!(attempts.len(), 50);
    assert_eq!(test.committed("g", "orders"), 3);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_begin_too_late_is_not_made() {
    async fn fail_slowly(State(calls): State<Calls>, Attempt(attempt): Attempt) -> io::Result<()> {
        calls.note(0, attempt);
        tokio::time::sleep(40 * MS).await;
        Err(io::ErrorKind::TimedOut.into())
    }
    let calls = Calls::new();
    let retry = Retry::fixed(100, 10 * MS).give_up_after(145 * MS);
    let subscriber = each(fail_slowly).retry(retry).dead_letter("dead");
    let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
    let test = TestApp::start(app).await;

    test.publish("orders", "x").await;
    // The time counts from the first call with each record, not from the start of the service.
    test.publish("orders", "y").await;

    // Calls begin 0, 50 and 100 ms behind the first; one at 150 ms would be too late.
    assert_eq!(calls.seen(), [(0, 1), (0, 2), (0, 3), (0, 1), (0, 2), (0, 3)]);
    let [x, _] = &test.records("dead")[..] else { panic!("two dead letters") };
    assert_eq!(x.headers().get("milena-dead-letter-attempts"), Some(&b"3"[..]));
}

#[tokio::test(start_paused = true)]
async fn only_errors_that_are_asked_for_are_retried() {
    #[derive(Debug)]
    struct Refused;
    impl std::fmt::Display for Refused {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("refused")
        }
    }
    impl std::error::Error for Refused {}

    async fn fail_with(
        Json(order): Json<Order>,
        Attempt(attempt): Attempt,
        State(calls): State<Calls>,
    ) -> anyhow::Result<()> {
        calls.note(order.cents, attempt);
        match order.cents {
            1 => Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
            2 => {
                Err(anyhow::Error::from(io::Error::from(io::ErrorKind::ConnectionReset))
                    .context("c"))
            }
            3 => Err(io::Error::from(io::ErrorKind::NotFound).into()),
            4 => Err(Refused.into()),
            _ => panic!("never"),
        }
    }
    let reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
    let (three, none) = ([(1, 3), (2, 3)], [(3, 1), (4, 1), (5, 1)]);
    let cases = [
        (Retry::fixed(3, MS).when(reset), [three.to_vec(), none.to_vec()].concat()),
        (
            Retry::fixed(3, MS).when(reset).when(|_: &Refused| true),
            vec![(1, 3), (2, 3), (3, 1), (4, 3), (5, 1)],
        ),
        (Retry::fixed(3, MS).unless(reset), vec![(1, 1), (2, 1), (3, 3), (4, 3), (5, 3)]),
    ];
    for (retry, expected) in cases {
        let calls = Calls::new();
        let subscriber = each(fail_with).retry(retry).skip_failures();
        let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
        let test = TestApp::start(app).await;

        test.publish("orders", (1..=5).map(order).collect::<Vec<_>>()).await;

        let last =
            |cents| (cents, calls.seen().iter().filter(|call| call.0 == cents).count() as u32);
        assert_eq!((1..=5).map(last).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_and_a_rebalance_do_not_wait_for_a_retry() {
    let (calls, broker) = (Calls::new(), Memory::new());
    broker.create_topic("orders", 1);
    produce(&broker, 0, -1);
    let retry = Retry::fixed(9, Duration::from_secs(1_000_000));
    let app = || {
        Router::new("g")
            .subscribe("orders", each(fail).retry(retry.clone()))
            .with_state(calls.clone())
    };
    let test = TestApp::start_on(broker.clone(), app()).await;
    tokio::time::sleep(MS).await;
    assert_eq!(calls.seen(), [(-1, 1)]);

    broker.faults().lose_partitions("g");
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The partition was assigned anew, so the count begins anew, too.
    assert_eq!(calls.seen(), [(-1, 1), (-1, 1)]);
    assert_eq!(broker.faults().fired().members_lost, 1);

    let before = calls.start.elapsed();
    test.stop().await.unwrap();
    assert!(calls.start.elapsed() - before < Duration::from_secs(1));
    assert_eq!(broker.committed("g", "orders", 0), None);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_counted_whoever_asked_for_it() {
    async fn ask_again(
        Json(order): Json<Order>,
        Attempt(attempt): Attempt,
        State(calls): State<Calls>,
    ) -> io::Result<Outcome> {
        calls.note(order.cents, attempt);
        match attempt {
            1 | 3 => Ok(Outcome::retry_after(MS)),
            2 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(Outcome::done()),
        }
    }
    let calls = Calls::new();
    let subscriber = each(ask_again).retry(Retry::fixed(3, MS));
    let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
    let test = TestApp::start(app).await;

    test.publish("orders", vec![order(1), order(2)]).await;

    let expected: Vec<_> = [1, 2].iter().flat_map(|id| (1..=4).map(|it| (*id, it))).collect();
    assert_eq!(calls.seen(), expected);
    assert_eq!(test.committed("g", "orders"), 2);
}

#[tokio::test(start_paused = true)]
async fn the_records_of_a_batch_have_their_attempts() {
    async fn fail_twice(
        Batch(orders): Batch<(Json<Order>, Attempt)>,
        State(calls): State<Calls>,
    ) -> io::Result<()> {
        orders.iter().for_each(|(order, attempt)| calls.note(order.0.cents, attempt.0));
        if orders[0].1 < Attempt(3) { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
    let calls = Calls::new();
    let subscriber = batch(fail_twice).max_records(2).retry(Retry::fixed(3, MS));
    let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
    let test = TestApp::start(app).await;

    test.publish("orders", (1..=3).map(order).collect::<Vec<_>>()).await;

    let expected = [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3), (2, 3), (3, 1), (3, 2), (3, 3)];
    assert_eq!(calls.seen(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_while_a_dead_letter_before_it_cannot_be_written() {
    let (calls, broker) = (Calls::new(), Memory::new());
    broker.create_topic("orders", 1);
    broker.faults().refuse_writes("dead", ErrorKind::Unauthorized);
    broker.faults().hold_deliveries();
    produce(&broker, 0, -1);
    produce(&broker, 0, -2);
    let subscriber = each(fail).retry(Retry::fixed(2, 1_000 * MS)).dead_letter("dead");
    let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
    let test = TestApp::start_on(broker.clone(), app).await;

    // The first becomes a dead letter after 1 s; the broker refuses it while the second waits for its retry.
    tokio::time::sleep(1_500 * MS).await;
    broker.faults().release_deliveries();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(broker.faults().fired().writes_refused > 1);
    assert_eq!(calls.seen(), [(-1, 1), (-1, 2), (-2, 1)]);

    broker.faults().accept_writes("dead");
    test.settle().await;

    assert_eq!(calls.seen(), [(-1, 1), (-1, 2), (-2, 1), (-2, 2)]);
    assert_eq!(test.records("dead").len(), 2);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_while_a_dead_letter_before_it_cannot_be_written() {
    async fn note(Batch(orders): Batch<Json<Order>>, State(calls): State<Calls>) {
        orders.iter().for_each(|order| calls.note(order.0.cents, 1));
    }
    let (calls, broker) = (Calls::new(), Memory::new());
    broker.create_topic("orders", 1);
    broker.faults().refuse_writes("dead", ErrorKind::Unauthorized);
    produce(&broker, 0, 1);
    broker.produce(ProducerRecord::new("orders").value("nonsense")).unwrap();
    (2..6).for_each(|cents| produce(&broker, 0, cents));
    let subscriber = batch(note).max_records(2).dead_letter("dead");
    let app = Router::new("g").subscribe("orders", subscriber).with_state(calls.clone());
    let test = TestApp::start_on(broker.clone(), app).await;

    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(broker.faults().fired().writes_refused > 1);
    assert_eq!(calls.seen(), [(1, 1)]);
    assert_eq!(test.committed("g", "orders"), 1);

    broker.faults().accept_writes("dead");
    test.settle().await;

    assert_eq!(calls.seen(), [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
    test.stop().await.unwrap();
}
