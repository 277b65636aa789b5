//! A member that gets a tenth of the processor stays one, and goes on.

use super::{
    child::{Process, orders, run},
    service::{until, valued, write},
    view::View,
};
use crate::kit::{kafka, topic, unique};
use milena::{Record, Router, each, unordered};
use milena_rdkafka::Kafka;
use nix::{
    sys::signal::Signal,
    time::{ClockId, clock_gettime},
};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

const PARTITIONS: i32 = 4;
const RECORDS: usize = 2_000;
/// How much of the processor a call needs.
const WORK: Duration = Duration::from_millis(1);
/// How long the processor is away, and then there.
const AWAY: Duration = Duration::from_millis(90);
const THERE: Duration = Duration::from_millis(10);
const STARVED: Duration = Duration::from_secs(9);

async fn work(record: Record) {
    let spent = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let start = spent();
    while spent() - start < WORK {
        std::hint::spin_loop();
    }
    println!("called {}/{}", record.partition(), record.offset());
}

#[test]
fn a_member_works_when_it_is_asked_to() {
    let Some(orders) = orders() else { return };
    let subscriber = each(work).concurrency(unordered(8));
    let router = Router::new(&*orders["group"]).subscribe(&*orders["topic"], subscriber);
    let kafka = Kafka::from_env().unwrap().set("session.timeout.ms", "6000");
    run(kafka, router, async |_| {});
}

/// Lets the process run a tenth of the time; says how often it was stopped, and its share of a core.
async fn starve(process: &Process) -> (usize, f64) {
    let (start, before, mut stops) = (Instant::now(), process.cpu(), 0);
    while start.elapsed() < STARVED {
        process.signal(Signal::SIGSTOP);
        tokio::time::sleep(AWAY).await;
        process.signal(Signal::SIGCONT);
        tokio::time::sleep(THERE).await;
        stops += 1;
    }
    (stops, (process.cpu() - before).as_secs_f64() / start.elapsed().as_secs_f64())
}

#[tokio::test]
async fn a_member_that_gets_a_tenth_of_the_processor_stays_one_and_goes_on() {
    let Some(kafka) = kafka() else { return };
    let (view, source) = (View::shared(), topic(&kafka, "starved", PARTITIONS).await);
    let group = unique("starved");
    let orders = [("group", &*group), ("topic", &*source)];
    let process = Process::start("faults::starved::a_member_works_when_it_is_asked_to", &orders);
    process.says("assigned", 1).await;
    for partition in 0..PARTITIONS {
        write(&kafka, valued(&source, partition, &["x"; RECORDS])).await;
    }
    process.says("called ", 1).await;

    let (stops, share) = starve(&process).await;
    let meanwhile = process.said("called ").len();
    let ends = vec![Some(RECORDS as i64); PARTITIONS as usize];
    until("all is done", async || view.committed(&group, &source, PARTITIONS).await == ends).await;
    let end = process.terminate().await;

    let called = end.said("called ");
    println!(
        "fired: {stops} times the processor was away for {AWAY:?} and there for {THERE:?}; \
         it got {share:.2} of a core, and made {meanwhile} calls meanwhile, {} in all",
        called.len()
    );
    let all = RECORDS * PARTITIONS as usize;
    assert!(stops > 20 && (1..all).contains(&meanwhile), "it was not starved: {meanwhile} calls");
    assert_eq!(called.iter().collect::<BTreeSet<_>>().len(), all, "nothing is lost");
    assert_eq!(called.len(), all, "nothing comes again");
    assert_eq!((end.said("assigned").len(), end.said(": lost").len()), (1, 0), "{:#?}", end.lines);
    assert_eq!(end.code, Some(0));
}
