//! The example `quickstart` as a program: what it promises to others, and what signals do to it.

mod books;
mod broker;
mod exactly_once;
mod member;
mod observed;
mod orders;
mod process;
mod rolling;

use books::{Books, Order};
pub(crate) use broker::Broker;
use orders::{At, Kind};
use process::Process;
use rdkafka::consumer::Consumer as _;
use std::{
    collections::{BTreeMap, VecDeque},
    thread,
    time::{Duration, Instant},
};

/// How much is done: `MILENA_ACCEPTANCE=1` does more of it.
struct Size {
    orders: u64,
    kills: usize,
    churn: Duration,
    /// Kills of members, and of brokers, where results are published exactly once.
    transacted_kills: u64,
    bounces: u64,
    /// How long no broker is killed.
    calm: Duration,
    /// How often each of two members has a transaction while members are killed, and while brokers are: with about
    /// 1,000 orders where there are many.
    kill_interval: Duration,
    bounce_interval: Duration,
}

fn size() -> Size {
    if std::env::var_os("MILENA_ACCEPTANCE").is_some_and(|value| value == "1") {
        Size {
            orders: 200_000,
            kills: 10,
            churn: Duration::from_secs(30),
            transacted_kills: 16,
            bounces: 6,
            calm: Duration::from_secs(20),
            kill_interval: Duration::from_millis(180),
            bounce_interval: Duration::from_millis(1200),
        }
    } else {
        Size {
            orders: 20_000,
            kills: 4,
            churn: Duration::from_secs(10),
            transacted_kills: 4,
            bounces: 2,
            calm: Duration::from_secs(2),
            kill_interval: Duration::from_millis(100),
            bounce_interval: Duration::from_millis(100),
        }
    }
}

/// What the books have to say of so many orders when nothing was done twice.
fn expected(orders: u64) -> Books {
    let of = |kinds: &[Kind]| (0..orders).filter(|id| kinds.contains(&orders::kind(*id))).count();
    Books {
        invoices: of(&[Kind::Good]),
        dead: of(&[Kind::Negative, Kind::NotJson]),
        tombstones: of(&[Kind::Tombstone]),
        duplicates: 0,
    }
}

/// Writes the orders on a thread of its own, within about this time.
fn write(broker: &Broker, orders: u64, within: Duration) -> thread::JoinHandle<BTreeMap<At, u64>> {
    let (address, rate) = (broker.address.clone(), orders as f64 / within.as_secs_f64());
    thread::spawn(move || orders::write(&address, 0..orders, rate))
}

/// Waits until there are topics.
fn wait_for_topics(broker: &Broker) {
    let (client, start) = (books::client(&broker.address), Instant::now());
    while client.fetch_watermarks("orders", books::PARTITIONS - 1, Duration::from_secs(5)).is_err()
    {
        assert!(start.elapsed() < Duration::from_secs(60), "no topic `orders`");
    }
}

#[test]
fn the_quickstart_bills_in_memory_and_ends_by_itself() {
    let said = process::run(&[]);

    assert!(said.contains("9700 orders billed, 100 tombstones skipped"), "{said}");
    assert!(said.contains("10000 orders: 9700 invoices, 200 dead letters"), "{said}");
}

#[test]
fn the_quickstart_bills_side_by_side_in_memory() {
    for order in ["key:64", "unordered:64"] {
        let said = process::run(&["--feed", "2000", "--concurrency", order, "--work", "3"]);

        assert!(said.contains("2000 orders: 1940 invoices, 40 dead letters"), "{order}: {said}");
    }
}

#[test]
fn the_quickstart_names_what_it_cannot_use() {
    for (args, named) in [
        (&["--broker", "amqp://one"][..], "could not use broker URL `amqp://one`"),
        (&["--broker", "kafka://one:x"], "could not use address `one:x`"),
        (&["--broker", "kafka://127.0.0.1:1", "--set", "no.such=1"], "option `no.such`"),
        (&["--set", "a=1"], "could not use broker URL `memory://`: it takes no options"),
        (&["--set", "a"], "it is not KEY=VALUE"),
        (&["--concurrency", "key:0"], "'key:0' for '--concurrency <ORDER>'"),
        (&["--concurrency", "topic"], "'topic' for '--concurrency <ORDER>'"),
        (&["--work", "long"], "'long' for '--work <MS>'"),
    ] {
        let output = process::program(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(named), "{args:?}: {said}");
    }
}

#[test]
fn every_order_is_billed_once() {
    let Some(broker) = Broker::start() else { return };
    let orders = size().orders;
    let service = Process::start(&broker.address, &[]);
    wait_for_topics(&broker);
    let written = write(&broker, orders, Duration::from_secs(1)).join().unwrap();
    books::wait_until_done(&broker.address);
    service.terminate();

    let books = books::check(&broker.address, &written);
    println!("{orders} orders: {books:?}; committed offsets are the ends");
    assert_eq!(books, expected(orders));
}

#[test]
fn orders_are_billed_side_by_side_and_keep_the_order_of_their_keys() {
    side_by_side("key:64", Order::Key);
}

#[test]
fn orders_are_billed_side_by_side_in_no_order() {
    side_by_side("unordered:64", Order::None);
}

/// A service that takes its time, with one more for a while, and one that ends in between.
fn side_by_side(concurrency: &str, order: Order) {
    let Some(broker) = Broker::start() else { return };
    let orders = size().orders / 4;
    let start =
        || Process::start_with(&broker.address, &["--concurrency", concurrency, "--work", "5"]);
    let first = start();
    wait_for_topics(&broker);
    let writing = write(&broker, orders, Duration::from_secs(4));
    wait_for_more(&books::client(&broker.address));
    let second = start();
    thread::sleep(Duration::from_secs(2));
    first.terminate();
    let third = start();
    let written = writing.join().unwrap();
    books::wait_until_done(&broker.address);
    for service in [second, third] {
        service.terminate();
    }

    let books = books::check_in(order, &broker.address, &written);
    println!("{orders} orders, {concurrency}: lost 0, {books:?}");
    // What was done behind an order that was not is done again by the next.
    assert_eq!(Books { duplicates: 0, ..books }, expected(orders));
}

#[test]
fn a_service_that_is_terminated_each_second_loses_nothing_and_repeats_nothing() {
    let Some(broker) = Broker::start() else { return };
    let Size { orders, kills, .. } = size();
    let mut service = Process::start(&broker.address, &[]);
    wait_for_topics(&broker);
    let writing = write(&broker, orders, Duration::from_secs(kills as u64));
    for _ in 0..kills {
        thread::sleep(Duration::from_secs(1));
        service.terminate();
        service = Process::start(&broker.address, &[]);
    }
    let written = writing.join().unwrap();
    books::wait_until_done(&broker.address);
    service.terminate();

    let books = books::check(&broker.address, &written);
    println!("{orders} orders, {kills} times SIGTERM: lost 0, {books:?}");
    assert_eq!(books, expected(orders));
}

#[test]
fn a_service_that_is_killed_each_second_loses_nothing_and_repeats_only_what_was_not_committed() {
    let Some(broker) = Broker::start() else { return };
    let Size { orders, kills, .. } = size();
    // A killed member is missed after its session, so that the next one does not wait for long.
    let options = ["session.timeout.ms=1000", "heartbeat.interval.ms=300"];
    let mut service = Process::start(&broker.address, &options);
    wait_for_topics(&broker);
    let writing = write(&broker, orders, Duration::from_secs(2 * kills as u64));
    let (client, mut marks) = (books::client(&broker.address), Vec::new());
    for _ in 0..kills {
        wait_for_more(&client);
        thread::sleep(Duration::from_secs(1));
        service.kill();
        let ends = ["invoices", "orders.dead"].map(|topic| books::ends(&client, topic));
        marks.push((books::committed(&client), ends));
        service = Process::start(&broker.address, &options);
    }
    let written = writing.join().unwrap();
    books::wait_until_done(&broker.address);
    service.terminate();

    let books = books::check(&broker.address, &written);
    for (committed, ends) in marks {
        for (topic, end) in ["invoices", "orders.dead"].into_iter().zip(ends) {
            let again = books::sources(&broker.address, topic, &end);
            let bad = again.iter().find(|(partition, offset)| {
                *offset < committed[usize::try_from(*partition).unwrap()]
            });
            assert!(bad.is_none(), "{bad:?} was committed, and came again: {committed:?}");
        }
    }
    println!("{orders} orders, {kills} times SIGKILL: lost 0, {books:?}");
    assert_eq!(Books { duplicates: 0, ..books }, expected(orders));
}

/// Waits until the service has done something more, so that a signal finds it at work.
fn wait_for_more(client: &rdkafka::consumer::BaseConsumer) {
    let (before, start) = (books::ends(client, "invoices"), Instant::now());
    while books::ends(client, "invoices") == before {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing is done any more");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn members_that_come_and_go_lose_nothing_and_never_share_a_partition() {
    churn(&[]);
}

#[test]
fn members_that_the_broker_assigns_lose_nothing_and_never_share_a_partition() {
    churn(&["group.protocol=consumer"]);
}

/// Three processes, of which the oldest goes and a new one comes every two seconds.
fn churn(options: &[&str]) {
    let Some(broker) = Broker::start() else { return };
    let Size { orders, churn, .. } = size();
    let start = || Process::start(&broker.address, options);
    let mut services = VecDeque::from([start()]);
    wait_for_topics(&broker);
    services.extend([start(), start()]);
    let writing = write(&broker, orders, churn);
    let mut logs = Vec::new();
    for _ in 0..churn.as_secs() / 2 {
        thread::sleep(Duration::from_secs(2));
        services.push_back(start());
        logs.push(services.pop_front().unwrap().terminate());
    }
    let written = writing.join().unwrap();
    books::wait_until_done(&broker.address);
    logs.extend(services.into_iter().map(Process::terminate));

    let books = books::check(&broker.address, &written);
    let held = held(&logs);
    let overlaps = overlaps(&held);
    println!(
        "{orders} orders, {} processes, {} assignments of a partition: lost 0, {} overlaps, {books:?}",
        logs.len(),
        held.len(),
        overlaps.len()
    );
    assert!(held.len() > 2 * 6, "nothing was handed over: {held:?}");
    assert!(overlaps.is_empty(), "{overlaps:?}");
    assert_eq!(books, expected(orders));
}

/// A partition, and from when until when a process had it.
type Held = (String, String, String);

/// Who had which partition when, as their logs tell.
fn held(logs: &[Vec<String>]) -> Vec<Held> {
    let mut held = Vec::new();
    for log in logs {
        let mut open = BTreeMap::new();
        for line in log {
            let (Some((time, _)), Some((_, places))) =
                (line.split_once(' '), line.split_once(" partitions="))
            else {
                continue;
            };
            let places = places.split(", ").filter(|place| !place.is_empty()).map(str::to_owned);
            if line.contains(": assigned ") {
                open.extend(places.map(|place| (place, time.to_owned())));
            } else if [": released ", ": leaving ", ": lost"].iter().any(|it| line.contains(it)) {
                for place in places {
                    let since = open.remove(&place);
                    held.extend(since.map(|since| (place, since, time.to_owned())));
                }
            }
        }
        assert!(open.is_empty(), "never given back: {open:?} in {log:#?}");
    }
    held.sort();
    held
}

fn overlaps(held: &[Held]) -> Vec<(&Held, &Held)> {
    let pairs = held.iter().zip(held.iter().skip(1));
    pairs.filter(|(one, next)| one.0 == next.0 && next.1 < one.2).collect()
}
