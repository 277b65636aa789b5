//! The service with `--exactly-once`: results, offsets and dead letters are one.

use super::{
    Size, books,
    books::Books,
    expected,
    member::{Member, Transactions, Writing},
    orders::At,
    size, wait_for_topics, write,
};
use crate::quickstart::Broker;
use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    thread,
    time::Duration,
};

/// Every order has one result, and what was aborted is not read.
pub(super) fn settled(broker: &Broker, orders: u64, written: &BTreeMap<At, u64>) {
    books::wait_until_done(&broker.address);
    let books = books::check(&broker.address, written);
    let all = books::written(&broker.address, "invoices")
        + books::written(&broker.address, "orders.dead");
    let aborted = all - books.invoices - books.dead - books.duplicates;
    let ends = books::transactions(&broker.address);
    println!("{ends} ends of transactions in the log, with about {} orders each", orders / ends);
    println!(
        "{orders} orders: missing 0, twice {}, records of aborted transactions {aborted}, {books:?}",
        books.duplicates
    );
    assert_eq!(books, expected(orders));
}

/// Says what the members told of their transactions.
fn tell(fired: &str, orders: u64, told: Transactions) {
    let Transactions { committed, aborted, sessions } = told;
    assert!(committed > 0, "nobody told anything");
    println!(
        "fired: {fired}; {committed} transactions committed, with about {} orders each, {aborted} not, {sessions} new \
         sessions, as the metrics of the members have it",
        orders / committed
    );
}

#[test]
fn each_order_is_billed_exactly_once_while_members_are_killed() {
    let Some(broker) = Broker::start() else { return };
    let Size { orders, transacted_kills: kills, kill_interval, .. } = size();
    let ids = ["billing-1", "billing-2"];
    let start = |id| Some(Member::start_each(&broker, id, kill_interval));
    let mut members = ids.map(start);
    wait_for_topics(&broker);
    let writing = Writing::start(&broker, orders, (kills, Duration::from_secs(2 * kills)));
    let mut told = Transactions::default();
    for _ in 0..kills {
        thread::sleep(Duration::from_secs(2));
        let victim = (RandomState::new().hash_one(()) % 2) as usize;
        writing.happens();
        // What it did in its last second it has not told.
        told += members[victim].take().expect("it runs").kill();
        members[victim] = start(ids[victim]);
    }
    let written = writing.end();
    books::wait_until_done(&broker.address);
    let mut logs = Vec::new();
    for member in members {
        let (more, log) = member.expect("it runs").terminate();
        told += more;
        logs.extend(log);
    }

    tell(&format!("{kills} members killed, one of two each time"), orders, told);
    settled(&broker, orders, &written);
    assert!(logs.iter().any(|line| line.contains("left the group")), "{logs:#?}");
}

#[test]
fn each_order_is_billed_exactly_once_while_brokers_are_killed() {
    let Some(broker) = Broker::start_three() else { return };
    let Size { orders, bounces, calm, bounce_interval, .. } = size();
    let members =
        ["billing-1", "billing-2"].map(|id| Member::start_each(&broker, id, bounce_interval));
    wait_for_topics(&broker);
    let within = (calm + Duration::from_secs(8)) * bounces as u32;
    let writing = Writing::start(&broker, orders, (bounces, within));
    for round in 0..bounces {
        thread::sleep(calm);
        writing.happens();
        broker.bounce(round as usize % 3 + 1);
    }
    let written = writing.end();
    books::wait_until_done(&broker.address);
    let (mut told, mut logs) = (Transactions::default(), Vec::new());
    for member in members {
        let (more, log) = member.terminate();
        told += more;
        logs.extend(log);
    }

    let refused = logs.iter().filter(|line| line.contains("a commit was refused")).count();
    tell(&format!("{bounces} brokers killed, one of three each time"), orders, told);
    println!("{refused} commits refused, as the members logged");
    settled(&broker, orders, &written);
}

#[test]
fn a_member_that_was_stopped_for_longer_than_its_session_repeats_nothing() {
    use nix::sys::signal::Signal;
    let Some(broker) = Broker::start() else { return };
    let orders = size().orders / 4;
    let start = |id| Member::start(&broker, id).process;
    let (one, other) = (start("billing-1"), start("billing-2"));
    wait_for_topics(&broker);
    let writing = write(&broker, orders, Duration::from_secs(12));
    for _ in 0..2 {
        thread::sleep(Duration::from_secs(1));
        one.signal(Signal::SIGSTOP);
        thread::sleep(Duration::from_secs(4));
        one.signal(Signal::SIGCONT);
    }
    let written = writing.join().unwrap();
    books::wait_until_done(&broker.address);
    let log = one.terminate();
    other.terminate();

    assert!(
        log.iter().any(|line| line.contains(": lost")),
        "its partitions went to the other: {log:#?}"
    );
    settled(&broker, orders, &written);
}

#[test]
fn a_second_service_with_the_same_id_ends_the_first() {
    let Some(broker) = Broker::start() else { return };
    let first = Member::start(&broker, "billing").process;
    wait_for_topics(&broker);
    let written = write(&broker, 1000, Duration::from_secs(1)).join().unwrap();
    books::wait_until_done(&broker.address);

    let second = Member::start(&broker, "billing").process;
    let more = thread::spawn({
        let address = broker.address.clone();
        move || super::orders::write(&address, 1000..20_000, 2000.0)
    });
    let (status, log) = first.end();
    let mut all = more.join().unwrap();
    all.extend(written);
    books::wait_until_done(&broker.address);
    second.terminate();

    assert!(!status.success());
    assert!(
        log.iter().any(|line| line.contains("quickstart: ") && line.contains("`billing`")),
        "{log:#?}"
    );
    let Books { duplicates, .. } = books::check(&broker.address, &all);
    assert_eq!(duplicates, 0);
}
