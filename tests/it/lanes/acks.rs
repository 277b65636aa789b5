//! `Ack`s in every order.

use super::script::{MS, broker, orders, put, settle};
use crate::kit::TestApp;
use milena::{Record, Router, State, each, extract::Ack};
use std::sync::{Arc, Mutex};

/// `Ack`s that a handler gave away, by offset.
type Given = Arc<Mutex<Vec<(i64, Ack)>>>;

async fn give(record: Record, ack: Ack, State(given): State<Given>) {
    if record.offset() % 2 == 1 {
        tokio::time::sleep(MS).await;
    }
    given.lock().unwrap().push((record.offset(), ack));
}

fn take(given: &Given, offset: i64) -> Ack {
    let mut given = given.lock().unwrap();
    let place = given.iter().position(|(at, _)| *at == offset).expect("it was given");
    given.remove(place).1
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_is_held_holds_its_record_and_nobody_else() {
    for (order, _) in orders(2) {
        let (broker, given) = (broker(1), Given::default());
        (0..20).for_each(|_| put(&broker, 0, Some("a"), "x"));
        let app = Router::new("g")
            .subscribe("t", each(give).concurrency(order))
            .commit_interval(MS)
            .with_state(given.clone());
        let test = TestApp::start_on(broker.clone(), app).await;

        tokio::time::sleep(1000 * MS).await;
        assert_eq!(given.lock().unwrap().len(), 20, "{order:?}: no call waits for an `Ack`");
        (1..20).for_each(|offset| take(&given, offset).done());
        tokio::time::sleep(1000 * MS).await;
        assert_eq!(broker.committed("g", "t", 0), None, "{order:?}");

        take(&given, 0).done();
        settle(&test).await;
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn acks_that_are_dropped_or_failed_make_dead_letters_of_their_records_alone() {
    for (order, _) in orders(3) {
        let (broker, given) = (broker(1), Given::default());
        (0..9).for_each(|i| put(&broker, 0, Some(&format!("k{}", i % 2)), &i.to_string()));
        let app = Router::new("g")
            .subscribe("t", each(give).concurrency(order).dead_letter("dead"))
            .commit_interval(MS)
            .with_state(given.clone());
        let test = TestApp::start_on(broker.clone(), app).await;
        tokio::time::sleep(1000 * MS).await;

        drop(take(&given, 3));
        take(&given, 6).fail("no");
        let rest = std::mem::take(&mut *given.lock().unwrap());
        rest.into_iter().for_each(|(_, ack)| ack.done());
        settle(&test).await;

        let dead: Vec<_> =
            test.records("dead").iter().map(|letter| letter.value().unwrap().to_vec()).collect();
        assert_eq!(dead, [b"3", b"6"], "{order:?}");
        test.stop().await.unwrap();
    }
}
