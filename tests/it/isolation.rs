//! A record that goes wrong, in whatever way, is in nobody else's way.

use crate::kit::TestApp;
use milena::{
    Batch, Outcome, Router, State, batch, by_key, each,
    error::ErrorKind,
    extract::{Ack, Metadata},
    router::{AckPolicy, Concurrency, Subscriber, by_partition},
    unordered,
};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

/// The offsets that handlers were called with.
type Seen = Arc<Mutex<Vec<i64>>>;

/// The offset of the record that goes wrong.
const WRONG: i64 = 2;
const RECORDS: i64 = 6;

/// Each way to go wrong, and what is said of it.
const FAULTS: [(&str, &str); 6] = [
    ("error", "it is too late"),
    ("panic", "the handler panicked: it is too late"),
    ("late panic", "the handler panicked: it is too late"),
    ("never", "could not finish the call within 50ms: it was dropped"),
    ("drop", "its `Ack` was dropped"),
    ("fail", "it is too late"),
];

/// Goes wrong in the way that the record says, if it takes no `Ack`.
async fn work(fault: String, at: Metadata, State(seen): State<Seen>) -> anyhow::Result<()> {
    seen.lock().unwrap().push(at.offset);
    match &*fault {
        "error" => anyhow::bail!("it is too late"),
        "panic" => panic!("it is too late"),
        "late panic" => {
            tokio::task::yield_now().await;
            panic!("it is too late")
        }
        "never" => pending().await,
        _ => Ok(()),
    }
}

/// The same, with an `Ack`.
async fn work_by_hand(
    (fault, ack): (String, Ack),
    at: Metadata,
    state: State<Seen>,
) -> anyhow::Result<()> {
    match &*fault {
        "drop" => drop(ack),
        "fail" => ack.fail("it is too late"),
        // It is dropped with the call.
        "error" | "panic" | "late panic" | "never" => return work(fault, at, state).await,
        _ => ack.done(),
    }
    state.0.lock().unwrap().push(at.offset);
    Ok(())
}

fn broker_with(fault: &'static str) -> Memory {
    let broker = Memory::new();
    broker.create_topic("t", 1);
    for offset in 0..RECORDS {
        let value = if offset == WRONG { fault } else { "fine" };
        let record = ProducerRecord::new("t").key(format!("{}", offset % 3)).value(value);
        broker.produce(record).unwrap();
    }
    broker
}

type Handler<C> = Subscriber<Seen, anyhow::Result<()>, C>;

/// The subscribers that may get this fault: with and without an `Ack`, with each policy.
fn subscribers(fault: &str) -> Vec<(String, Handler<milena::router::Each>)> {
    let orders: [(&str, fn() -> Concurrency); 3] =
        [("partition", by_partition), ("key", || by_key(3)), ("free", || unordered(3))];
    let mut all = Vec::new();
    for (order, concurrency) in orders {
        for ack in [AckPolicy::OnSuccess, AckPolicy::OnReceive] {
            let name = |hand| format!("{fault}, {order}, {ack:?}, {hand}");
            if !matches!(fault, "drop" | "fail") {
                all.push((name("returned"), each(work).ack(ack).concurrency(concurrency())));
            }
            all.push((name("by hand"), each(work_by_hand).ack(ack).concurrency(concurrency())));
        }
    }
    let bounded =
        |(name, subscriber): (_, Handler<_>)| (name, subscriber.timeout(Duration::from_millis(50)));
    all.into_iter().map(bounded).collect()
}

fn sorted(seen: &Seen) -> Vec<i64> {
    let mut seen = seen.lock().unwrap().clone();
    seen.sort_unstable();
    seen
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_a_failure_of_its_record_alone_under_every_policy() {
    for (fault, why) in FAULTS {
        for (name, subscriber) in subscribers(fault) {
            let (seen, broker) = (Seen::default(), broker_with(fault));
            let app =
                Router::new("g").subscribe("t", subscriber.dead_letters()).with_state(seen.clone());
            let test = TestApp::start_on(broker, app).await;

            while sorted(&seen).len() < RECORDS as usize || test.records("t.dead").is_empty() {
                test.broker().changed().await;
            }
            test.settle().await;

            assert_eq!(sorted(&seen), (0..RECORDS).collect::<Vec<_>>(), "{name}");
            let [letter] = &test.records("t.dead")[..] else { panic!("{name}: one dead letter") };
            let headers = letter.headers();
            let error = headers.get("milena-dead-letter-error").unwrap();
            assert_eq!(str::from_utf8(error).unwrap(), why, "{name}");
            assert_eq!(headers.get("milena-dead-letter-offset"), Some(&b"2"[..]), "{name}");
            assert_eq!(test.committed("g", "t"), RECORDS, "{name}");
            test.stop().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_skipped_alone_under_every_policy() {
    for (fault, _) in FAULTS {
        for (name, subscriber) in subscribers(fault) {
            let (seen, broker) = (Seen::default(), broker_with(fault));
            let app = Router::new("g")
                .subscribe("t", subscriber.skip_failures())
                .with_state(seen.clone());
            let test = TestApp::start_on(broker, app).await;

            test.settle().await;
            tokio::time::sleep(Duration::from_secs(1)).await;

            assert_eq!(sorted(&seen), (0..RECORDS).collect::<Vec<_>>(), "{name}");
            assert_eq!(test.committed("g", "t"), RECORDS, "{name}");
            test.stop().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn by_default_a_fault_stops_the_service_which_names_the_record() {
    for (fault, why) in FAULTS {
        for (name, subscriber) in subscribers(fault) {
            let (seen, broker) = (Seen::default(), broker_with(fault));
            let app = Router::new("g").subscribe("t", subscriber).with_state(seen.clone());
            let test = TestApp::start_on(broker.clone(), app).await;

            tokio::time::sleep(Duration::from_secs(60)).await;

            let error = test.stop().await.expect_err(&name);
            assert_eq!(error.kind(), ErrorKind::Record, "{name}");
            assert_eq!(
                error.to_string(),
                format!("could not process record t/0/2 in 1 call: {why}"),
                "{name}"
            );
            let committed = broker.committed("g", "t", 0);
            if name.contains("OnSuccess") {
                assert_eq!(committed, Some(WRONG), "{name}: it is there at the next start");
            } else {
                assert_eq!(committed, Some(RECORDS), "{name}: what was received is done");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_a_batch_is_one_of_its_records_and_of_no_other_batch() {
    async fn work_all(
        Batch(records): Batch<(String, Metadata)>,
        State(seen): State<Seen>,
    ) -> anyhow::Result<()> {
        for (fault, at) in records {
            work(fault, at, State(seen.clone())).await?;
        }
        Ok(())
    }
    for (fault, why) in &FAULTS[..4] {
        for ack in [AckPolicy::OnSuccess, AckPolicy::OnReceive] {
            let (seen, broker) = (Seen::default(), broker_with(fault));
            let subscriber = batch(work_all)
                .max_records(2)
                .ack(ack)
                .timeout(Duration::from_millis(50))
                .dead_letters();
            let app = Router::new("g").subscribe("t", subscriber).with_state(seen.clone());
            let test = TestApp::start_on(broker, app).await;

            while test.records("t.dead").len() < 2 || sorted(&seen).len() < 5 {
                test.broker().changed().await;
            }
            test.settle().await;

            // The third and the fourth are one batch.
            assert_eq!(sorted(&seen), [0, 1, 2, 4, 5], "{fault}");
            let letters = test.records("t.dead");
            let offsets: Vec<_> = letters
                .iter()
                .map(|letter| {
                    let headers = letter.headers();
                    assert_eq!(
                        str::from_utf8(headers.get("milena-dead-letter-error").unwrap()).unwrap(),
                        *why
                    );
                    headers.get("milena-dead-letter-offset").unwrap().to_vec()
                })
                .collect();
            assert_eq!(offsets, [b"2", b"3"]);
            assert_eq!(test.committed("g", "t"), RECORDS);
            test.stop().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_obeyed_under_every_policy() {
    async fn decide(fault: String, at: Metadata, State(seen): State<Seen>) -> Outcome {
        seen.lock().unwrap().push(at.offset);
        if fault == "odd" { Outcome::dead_letter("odd") } else { Outcome::skip("even") }
    }
    for ack in [AckPolicy::OnSuccess, AckPolicy::OnReceive] {
        let (seen, broker) = (Seen::default(), broker_with("odd"));
        let app = Router::new("g")
            .subscribe("t", each(decide).ack(ack).dead_letters())
            .with_state(seen.clone());
        let test = TestApp::start_on(broker, app).await;

        while test.records("t.dead").is_empty() || sorted(&seen).len() < RECORDS as usize {
            test.broker().changed().await;
        }
        test.settle().await;

        assert_eq!(test.records("t.dead").len(), 1);
        assert_eq!(test.committed("g", "t"), RECORDS);
        test.stop().await.unwrap();
    }
}
