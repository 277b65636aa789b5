//! Three brokers that are restarted cleanly, one after the other.

use super::{Broker, Process, Size, exactly_once::settled, member::Writing, size, wait_for_topics};
use std::{
    thread,
    time::{Duration, Instant},
};

const BROKERS: u64 = 3;

/// What the members have logged of partitions that came and went.
fn moves(members: &[Process]) -> usize {
    let of = |line: &String| {
        let is_move = [": assigned ", ": revoked ", ": lost"].iter().any(|it| line.contains(it));
        is_move && line.contains("orders/")
    };
    members.iter().map(|member| member.said(of)).sum()
}

/// Starts members one after the other, and returns when each has partitions.
fn start(broker: &Broker) -> [Process; 2] {
    ["billing-1", "billing-2"].map(|id| {
        let member = Process::start_with(&broker.address, &["--exactly-once", id]);
        let (start, limit) = (Instant::now(), Duration::from_secs(60));
        while member.said(|line| line.contains(": assigned ") && line.contains("orders/")) == 0 {
            assert!(start.elapsed() < limit, "{id} has no partitions");
            thread::sleep(Duration::from_millis(50));
        }
        member
    })
}

#[test]
fn each_order_is_billed_exactly_once_and_no_partition_moves_while_brokers_are_restarted() {
    let Some(broker) = Broker::start_three() else { return };
    let Size { orders, .. } = size();
    let members = start(&broker);
    wait_for_topics(&broker);
    let before = moves(&members);
    let within = Duration::from_secs(10 * BROKERS);
    let writing = Writing::start(&broker, orders, (BROKERS, within));
    for node in 1..=BROKERS {
        thread::sleep(Duration::from_secs(2));
        writing.happens();
        broker.restart(node as usize);
    }
    let written = writing.end();
    super::books::wait_until_done(&broker.address);
    let moves = moves(&members) - before;
    members.into_iter().for_each(|member| drop(member.terminate()));

    println!(
        "fired: {BROKERS} brokers restarted, one after the other; {moves} moves of partitions"
    );
    settled(&broker, orders, &written);
    assert_eq!(moves, 0);
}
