//! The service with `--exactly-once`: results, offsets and dead letters are one.

use super::{Size, books, books::Books, expected, process::Process, size, wait_for_topics, write};
use crate::quickstart::Broker;
use std::{
    hash::{BuildHasher as _, RandomState},
    thread,
    time::Duration,
};

/// A member with this transactional id. A killed one is missed soon.
fn member(broker: &Broker, id: &str) -> Process {
    let options = ["session.timeout.ms=2000", "heartbeat.interval.ms=500"];
    let options = options.iter().flat_map(|option| ["--set", option]);
    let args: Vec<_> = ["--exactly-once", id].into_iter().chain(options).collect();
    Process::start_with(&broker.address, &args)
}

/// Every order has one result, and what was aborted is not read.
fn settled(broker: &Broker, orders: u64, written: &std::collections::BTreeMap<(i32, i64), u64>) {
    books::wait_until_done(&broker.address);
    let books = books::check(&broker.address, written);
    let all = books::written(&broker.address, "invoices")
        + books::written(&broker.address, "orders.dead");
    let aborted = all - books.invoices - books.dead - books.duplicates;
    println!(
        "{orders} orders: missing 0, twice {}, records of aborted transactions {aborted}, {books:?}",
        books.duplicates
    );
    assert_eq!(books, expected(orders));
}

#[test]
fn each_order_is_billed_exactly_once_while_members_are_killed() {
    let Some(broker) = Broker::start() else { return };
    let Size { orders, transacted_kills: kills, .. } = size();
    let ids = ["billing-1", "billing-2"];
    let mut members = ids.map(|id| Some(member(&broker, id)));
    wait_for_topics(&broker);
    let writing = write(&broker, orders, Duration::from_secs(2 * kills as u64));
    for _ in 0..kills {
        thread::sleep(Duration::from_secs(2));
        let victim = (RandomState::new().hash_one(()) % 2) as usize;
        members[victim].take().expect("it runs").kill();
        members[victim] = Some(member(&broker, ids[victim]));
    }
    let written = writing.join().unwrap();
    books::wait_until_done(&broker.address);
    let logs = members.map(|it| it.expect("it runs").terminate());

    println!("{kills} times SIGKILL of one of two members");
    settled(&broker, orders, &written);
    assert!(logs.iter().flatten().any(|line| line.contains("left the group")), "{logs:#?}");
}

#[test]
fn each_order_is_billed_exactly_once_while_brokers_are_killed() {
    let Some(broker) = Broker::start_three() else { return };
    let Size { orders, bounces, .. } = size();
    let members = ["billing-1", "billing-2"].map(|id| member(&broker, id));
    wait_for_topics(&broker);
    let writing = write(&broker, orders, Duration::from_secs(10 * bounces as u64));
    for round in 0..bounces {
        thread::sleep(Duration::from_secs(2));
        broker.bounce(round % 3 + 1);
    }
    let written = writing.join().unwrap();
    books::wait_until_done(&broker.address);
    let logs: Vec<_> = members.into_iter().flat_map(Process::terminate).collect();

    let count = |text: &str| logs.iter().filter(|line| line.contains(text)).count();
    println!(
        "{bounces} times SIGKILL of one of three brokers: {} commits refused, {} new sessions",
        count("a commit was refused"),
        count("the outcome of a transaction is unknown")
    );
    settled(&broker, orders, &written);
}

#[test]
fn a_member_that_was_stopped_for_longer_than_its_session_repeats_nothing() {
    use nix::sys::signal::Signal;
    let Some(broker) = Broker::start() else { return };
    let orders = size().orders / 4;
    let (one, other) = (member(&broker, "billing-1"), member(&broker, "billing-2"));
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
    let first = member(&broker, "billing");
    wait_for_topics(&broker);
    let written = write(&broker, 1000, Duration::from_secs(1)).join().unwrap();
    books::wait_until_done(&broker.address);

    let second = member(&broker, "billing");
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
