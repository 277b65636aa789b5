//! SIGTERM at bad moments: the process ends in time, with the right code, and what is done is committed.

use super::{
    child::{End, Process, orders, run},
    own_broker::OwnBroker,
    service::{Calls, Service, until, valued, write},
    view::View,
};
use crate::kit::{kafka, topic, unique};
use milena::{Record, Router, State, each, serve::Control};
use milena_rdkafka::Kafka;
use nix::sys::signal::Signal;
use std::time::Duration;

const TEST: &str = "faults::termination::a_service_works_when_it_is_asked_to";
/// What all steps of an end together may take where the broker is silent, and where nobody waits.
const SILENT: Duration = Duration::from_secs(35);
const HASTENED: Duration = Duration::from_secs(10);

/// Takes as many milliseconds as the record says, or for ever.
async fn work(record: Record) {
    let at = format!("{}/{}", record.partition(), record.offset());
    println!("begins {at}");
    match str::from_utf8(record.value().unwrap()).unwrap().parse() {
        Ok(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        Err(_) => std::future::pending().await,
    }
    println!("ends {at}");
}

/// Says when a commit is under way: more is done than the broker has confirmed.
async fn tell_status(control: Control) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let Ok(status) = control.status().await else { continue };
            if status.iter().any(|it| it.done > it.committed && it.committed.is_some()) {
                println!("commit under way: {:?}", (status[0].done, status[0].committed));
            }
        }
    });
}

#[test]
fn a_service_works_when_it_is_asked_to() {
    let Some(orders) = orders() else { return };
    let router = Router::new(&*orders["group"])
        .subscribe(&*orders["topic"], each(work))
        .commit_interval(Duration::from_millis(20))
        .drain_timeout(Duration::from_secs(orders["drain"].parse().unwrap()));
    let kafka = Kafka::new(&*orders["brokers"])
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "300");
    run(kafka, router, tell_status);
}

/// A process that works in this group, with so many seconds for what runs at the end.
fn start(brokers: &str, group: &str, topic: &str, drain: &str) -> Process {
    let orders = [("brokers", brokers), ("group", group), ("topic", topic), ("drain", drain)];
    Process::start(TEST, &orders)
}

fn shared() -> String {
    std::env::var("KAFKA_BROKERS").unwrap()
}

fn tell(case: &str, end: &End, more: &str) {
    let (took, code) = (end.took.as_secs_f64(), end.code);
    let code = code.map_or("none".to_owned(), |code| code.to_string());
    let why = end.said("ended with ").first().map_or(String::new(), |line| format!(", {line}"));
    println!("F42 ({case}): ended {took:.1} s behind the last SIGTERM, exit {code}, {more}{why}");
}

async fn take_over(record: Record, State(calls): State<Calls>) {
    calls.add(&record);
}

#[tokio::test]
async fn a_process_is_terminated_while_its_group_rebalances() {
    let Some(kafka) = kafka() else { return };
    let kafka = kafka.set("session.timeout.ms", "6000").set("heartbeat.interval.ms", "300");
    let (view, source) = (View::shared(), topic(&kafka, "term", 2).await);
    let (group, calls) = (unique("term"), Calls::default());
    write(&kafka, valued(&source, 0, &["15000", "1"])).await;
    write(&kafka, valued(&source, 1, &["15000", "1"])).await;
    let process = start(&shared(), &group, &source, "30");
    process.says("begins", 2).await;
    let router = Router::new(group.clone()).subscribe(source.clone(), each(take_over));
    let other = Service::start(&kafka, router.with_state(calls.clone()));
    process.says(" revoked ", 1).await;
    assert!(process.said("ends").is_empty(), "the rebalance waits for a call");
    let end = process.terminate().await;
    let all = [Some(2), Some(2)];
    until("the other has the rest", async || view.committed(&group, &source, 2).await == all).await;
    other.stop().await.unwrap();

    let again = [calls.of(0), calls.of(1)].concat();
    tell("a", &end, &format!("committed {all:?}, the other was called with {again:?}"));
    assert_eq!(end.code, Some(0), "{:#?}", end.lines);
    assert!(end.took < Duration::from_secs(45));
    // Both calls had ended, so they are nobody's any more.
    assert_eq!(end.said("ends").len(), 2, "{:#?}", end.lines);
    assert_eq!((calls.of(0), calls.of(1)), (vec![1], vec![1]));
}

#[tokio::test]
async fn a_process_is_terminated_while_a_call_is_stuck_and_hastened_by_a_second_signal() {
    let Some(kafka) = kafka() else { return };
    let view = View::shared();
    for (case, drain, within, limit) in
        [("c", "2", 2..20, "within 2s"), ("e", "60", 0..20, "before the second signal")]
    {
        let source = topic(&kafka, "term", 1).await;
        let group = unique("term");
        write(&kafka, valued(&source, 0, &["1", "1", "stuck", "1"])).await;
        let process = start(&shared(), &group, &source, drain);
        process.says("begins", 3).await;
        process.signal(Signal::SIGTERM);
        if case == "e" {
            // What is to be shown is that nothing happens by itself.
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert!(process.said(" leaving ").is_empty());
            process.signal(Signal::SIGTERM);
        }
        let end = process.end().await;
        let committed = view.committed(&group, &source, 1).await;

        tell(case, &end, &format!("committed {committed:?}"));
        assert_eq!((end.code, committed), (Some(1), vec![Some(2)]), "{:#?}", end.lines);
        let why = format!("ended with Unfinished: could not finish {limit}");
        assert!(end.said(&why)[0].contains(&format!("{source}/0/2")), "{:#?}", end.lines);
        assert!(within.contains(&end.took.as_secs()), "{:?}", end.took);
    }
}

#[tokio::test]
async fn a_process_is_terminated_while_a_commit_is_under_way_or_never_answered() {
    if kafka().is_none() {
        return;
    }
    let broker = OwnBroker::new();
    broker.up().await;
    let (kafka, view) = (Kafka::new(broker.address()), View::of(&broker.address()));
    // While it is never stopped: for a while behind that, a broker does only what is asked of it again.
    let mut sources = Vec::new();
    for _ in 0..3 {
        let source = topic(&kafka, "term", 1).await;
        write(&kafka, valued(&source, 0, &["20"; 800])).await;
        sources.push(source);
    }
    for (case, answers, signals) in [("b", true, 1), ("d", false, 1), ("d and e", false, 2)] {
        let (source, group) = (sources.pop().unwrap(), unique("term"));
        let process = start(&broker.address(), &group, &source, "5");
        process.says("ends", 20).await;
        broker.pause().await;
        let told = process.said("commit under way").len();
        // The same commit for at least three tenths of a second.
        process.says("commit under way", told + 4).await;
        let told = process.said("commit under way").pop().unwrap();
        for _ in 0..signals {
            process.signal(Signal::SIGTERM);
            // Two at once are one.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let end = if answers {
            tokio::time::sleep(Duration::from_secs(1)).await;
            broker.resume().await;
            process.end().await
        } else {
            let end = process.end().await;
            broker.resume().await;
            end
        };
        let committed = view.committed(&group, &source, 1).await[0].unwrap();

        let done = i64::try_from(end.said("ends ").len()).unwrap();
        tell(case, &end, &format!("{told}, committed {committed} of {done} done"));
        assert_eq!(end.code, Some(0), "{:#?}", end.lines);
        let within = if signals == 1 { SILENT } else { HASTENED };
        assert!(end.took < within, "{:?}", end.took);
        assert!(done < 800 && committed <= done, "{committed} {done}");
        assert!(!answers || committed == done, "{committed} {done}: {:#?}", end.lines);
    }
}
