use crate::billing::{Invoice, Order, bill, order};
use crate::kit::TestApp;
use milena::{Json, Record, Router, State, each, error::ErrorKind, record::Partition};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Semaphore;

const MS: Duration = Duration::from_millis(1);

/// What was handled, as (member, partition, offset), and a gate that each call has to pass.
#[derive(Clone)]
struct Shared {
    member: u32,
    handled: Arc<Mutex<Vec<(u32, i32, i64)>>>,
    gate: Arc<Semaphore>,
}

impl Shared {
    fn new(permits: usize) -> Self {
        Self { member: 0, handled: Arc::default(), gate: Arc::new(Semaphore::new(permits)) }
    }

    fn member(&self, member: u32) -> Self {
        Self { member, ..self.clone() }
    }

    fn handled(&self) -> Vec<(u32, i32, i64)> {
        self.handled.lock().unwrap().clone()
    }
}

async fn pass_the_gate(record: Record, State(shared): State<Shared>) {
    shared.gate.acquire().await.unwrap().forget();
    shared.handled.lock().unwrap().push((shared.member, record.partition(), record.offset()));
}

fn app(shared: &Shared, member: u32) -> Router {
    Router::new("g").subscribe("orders", each(pass_the_gate)).with_state(shared.member(member))
}

fn fill(broker: &Memory, partitions: i32, records: i32) {
    broker.create_topic("orders", partitions);
    for i in 0..records {
        let value = serde_json::to_vec(&order(i.into()).0).unwrap();
        broker
            .produce(ProducerRecord::new("orders").partition(i % partitions).value(value))
            .unwrap();
    }
}

/// Checks that each record was handled once, and in order within its partition.
fn check_once_and_in_order(handled: &[(u32, i32, i64)], records: usize) {
    assert_eq!(handled.len(), records, "each record once");
    let mut next = HashMap::new();
    for (_, partition, offset) in handled {
        let next: &mut i64 = next.entry(*partition).or_default();
        assert_eq!(offset, next, "partition {partition}");
        *next += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn partitions_change_hands_without_loss_and_without_a_second_call() {
    let (broker, shared) = (Memory::new(), Shared::new(usize::MAX >> 4));
    fill(&broker, 6, 300);
    let first = TestApp::start_on(broker.clone(), app(&shared, 1)).await;
    first.settle().await;
    let second = TestApp::start_on(broker.clone(), app(&shared, 2)).await;
    fill(&broker, 6, 300);
    second.settle().await;
    tokio::time::sleep(100 * MS).await;
    let third = TestApp::start_on(broker.clone(), app(&shared, 3)).await;
    fill(&broker, 6, 300);
    first.stop().await.unwrap();
    fill(&broker, 6, 300);
    third.settle().await;
    second.stop().await.unwrap();
    fill(&broker, 6, 300);
    third.settle().await;

    let handled = shared.handled();
    check_once_and_in_order(&handled, 1500);
    for member in 1..=3 {
        assert!(handled.iter().any(|it| it.0 == member), "member {member} took part");
    }
    third.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_partition_changes_hands_when_the_running_call_has_ended_and_the_rest_goes_to_the_other()
{
    let (broker, shared) = (Memory::new(), Shared::new(2));
    fill(&broker, 2, 20);
    let first = TestApp::start_on(broker.clone(), app(&shared, 1)).await;
    tokio::time::sleep(MS).await;
    assert_eq!(shared.handled().len(), 2);

    // Both partitions have a call at the gate when the second member comes.
    let second = TestApp::start_on(broker.clone(), app(&shared, 2)).await;
    tokio::time::sleep(5000 * MS).await;
    assert_eq!(shared.handled().len(), 2, "the revoke waits for the call");
    shared.gate.add_permits(100);
    second.settle().await;

    let handled = shared.handled();
    check_once_and_in_order(&handled, 20);
    let of_second: Vec<_> = handled.iter().filter(|it| it.0 == 2).collect();
    assert!(
        (8..10).contains(&of_second.len()),
        "one or two of ten were the first member's: {handled:?}"
    );
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlasts_the_drain_is_not_committed_and_the_next_owner_calls_again() {
    let (broker, shared) = (Memory::new(), Shared::new(0));
    fill(&broker, 2, 4);
    let slow = app(&shared, 1).drain_timeout(1000 * MS);
    let first = TestApp::start_on(broker.clone(), slow).await;
    tokio::time::sleep(MS).await;
    let second = TestApp::start_on(broker.clone(), app(&shared, 2)).await;
    tokio::time::sleep(3000 * MS).await;

    // Three calls wait by now: one of each partition at the first member, and one at the second.
    shared.gate.add_permits(100);
    second.settle().await;
    tokio::time::sleep(3000 * MS).await;

    let handled = shared.handled();
    assert_eq!(handled.len(), 5, "{handled:?}");
    let overlap: Vec<_> = handled.iter().filter(|it| it.2 == 0).collect();
    assert_eq!(overlap.len(), 3, "one first record was handled by both: {handled:?}");
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_not_committed_and_is_handled_again() {
    let (broker, shared) = (Memory::new(), Shared::new(3));
    fill(&broker, 1, 5);
    let test = TestApp::start_on(broker.clone(), app(&shared, 1)).await;
    tokio::time::sleep(10 * MS).await;
    assert_eq!((shared.handled().len(), test.committed("g", "orders")), (3, 0));

    broker.faults().lose_partitions("g");
    shared.gate.add_permits(100);
    test.settle().await;

    assert_eq!(broker.faults().fired().members_lost, 1);
    let offsets: Vec<_> = shared.handled().iter().map(|it| it.2).collect();
    assert_eq!(offsets[..3], [0, 1, 2]);
    for offset in 0..5 {
        assert!(offsets[3..].contains(&offset), "{offsets:?}");
    }
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_refused_because_the_generation_moved_is_made_again() {
    let (broker, shared) = (Memory::new(), Shared::new(1000));
    fill(&broker, 2, 10);
    broker.faults().refuse_commits(3, ErrorKind::Rebalancing);
    let test = TestApp::start_on(broker.clone(), app(&shared, 1)).await;

    test.settle().await;

    assert_eq!(broker.faults().fired().commits_refused, 3);
    check_once_and_in_order(&shared.handled(), 10);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_refused_at_the_end_is_made_again_before_the_group_is_left() {
    let (broker, shared) = (Memory::new(), Shared::new(1000));
    fill(&broker, 1, 10);
    let test = TestApp::start_on(broker.clone(), app(&shared, 1)).await;
    tokio::time::sleep(10 * MS).await;
    broker.faults().refuse_commits(5, ErrorKind::Rebalancing);

    test.stop().await.unwrap();

    assert_eq!(broker.faults().fired().commits_refused, 5);
    assert_eq!(broker.committed("g", "orders", 0), Some(10));
}

#[tokio::test(start_paused = true)]
async fn two_subscriptions_to_a_topic_each_get_every_record_which_is_done_when_both_are() {
    async fn fail_at_two(Json(order): Json<Order>) -> anyhow::Result<()> {
        anyhow::ensure!(order.id != 2, "no");
        Ok(())
    }
    let app = Router::new("g")
        .subscribe("orders", each(bill).publish_to("invoices"))
        .subscribe(["orders", "others"], each(fail_at_two));
    let test = TestApp::start(app).await;

    test.try_publish("orders", vec![order(1), order(2), order(3)]).await.unwrap_err();

    let (broker, error) = (test.broker().clone(), test.stop().await.unwrap_err());
    assert!(error.to_string().contains("orders/0/1"), "{error}");
    assert_eq!(broker.committed("g", "orders", 0), Some(1));
    assert!(!broker.records("invoices").is_empty());
}

#[tokio::test(start_paused = true)]
async fn merged_routers_are_groups_side_by_side_and_each_gets_every_record() {
    let app = Router::new("a")
        .subscribe("orders", each(bill).publish_to("for-a"))
        .merge(Router::new("b").subscribe("orders", each(bill).publish_to("for-b")));
    let test = TestApp::start(app).await;

    test.publish("orders", vec![order(1), order(2)]).await;

    assert_eq!(test.published::<Invoice>("for-a").len(), 2);
    assert_eq!(test.published::<Invoice>("for-b").len(), 2);
    assert_eq!((test.committed("a", "orders"), test.committed("b", "orders")), (2, 2));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_error_in_one_group_ends_the_others_in_good_order() {
    let app = Router::new("a")
        .subscribe("orders", each(bill).publish_to("x"))
        .merge(Router::new("b").subscribe("orders", each(bill).publish_to("y").skip_failures()));
    let test = TestApp::start(app).await;

    test.try_publish("orders", vec![order(1), order(-2), order(3)]).await.unwrap_err();

    let (broker, error) = (test.broker().clone(), test.stop().await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Record);
    assert_eq!((broker.members("a"), broker.members("b")), (0, 0));
    assert_eq!(broker.committed("b", "orders", 0), Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_slow_partition_is_held_back_and_the_others_run_on() {
    async fn slow_first(record: Record, State(shared): State<Shared>) {
        if record.partition() == 0 {
            shared.gate.acquire().await.unwrap().forget();
        }
        shared.handled.lock().unwrap().push((1, record.partition(), record.offset()));
    }
    let (broker, shared) = (Memory::new(), Shared::new(0));
    fill(&broker, 3, 9000);
    let app = Router::new("g")
        .subscribe("orders", each(slow_first))
        .buffer(100, 1 << 20)
        .with_state(shared.clone());
    let test = TestApp::start_on(broker.clone(), app).await;

    tokio::time::sleep(100 * MS).await;
    let handled = shared.handled();
    assert_eq!(handled.len(), 6000, "the other two partitions are done");
    assert!(handled.iter().all(|it| it.1 != 0));

    shared.gate.add_permits(3000);
    test.settle().await;
    check_once_and_in_order(&shared.handled(), 9000);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn offsets_that_hold_no_record_do_not_keep_a_commit_from_the_end() {
    let (broker, shared) = (Memory::new(), Shared::new(1000));
    broker.create_topic("orders", 1);
    broker.skip_offsets("orders", 0, 3);
    fill(&broker, 1, 2);
    broker.skip_offsets("orders", 0, 5);
    fill(&broker, 1, 1);
    broker.skip_offsets("orders", 0, 1);
    let test = TestApp::start_on(broker.clone(), app(&shared, 1)).await;

    test.settle().await;

    assert_eq!(shared.handled().iter().map(|it| it.2).collect::<Vec<_>>(), [3, 4, 10]);
    assert_eq!((test.committed("g", "orders"), broker.lag("g", "orders")), (12, 0));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn commits_come_on_interval_and_on_count() {
    for (interval, every, wait) in [(50 * MS, usize::MAX, 60 * MS), (1_000_000 * MS, 7, 10 * MS)] {
        let (broker, shared) = (Memory::new().max_chunk(3), Shared::new(1000));
        fill(&broker, 1, 9);
        let app = app(&shared, 1).commit_interval(interval).commit_every(every);
        let test = TestApp::start_on(broker.clone(), app).await;

        tokio::time::sleep(wait).await;

        assert_eq!(test.committed("g", "orders"), 9, "{interval:?}, {every}");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_begins_where_it_is_told_and_goes_on_where_it_left() {
    use milena::transport::StartAt;
    let (broker, shared) = (Memory::new(), Shared::new(1000));
    fill(&broker, 1, 3);
    let latest = || app(&shared, 1).start_at(StartAt::Latest);
    let test = TestApp::start_on(broker.clone(), latest()).await;
    tokio::time::sleep(MS).await;
    test.publish("orders", (Partition(0), order(3))).await;
    test.stop().await.unwrap();
    fill(&broker, 1, 2);
    let again = TestApp::start_on(broker.clone(), latest()).await;

    again.settle().await;

    assert_eq!(shared.handled().iter().map(|it| it.2).collect::<Vec<_>>(), [3, 4, 5]);
    again.stop().await.unwrap();
}

#[tokio::test]
async fn an_unknown_topic_ends_the_service_with_its_name() {
    let broker = Memory::new().without_auto_create();
    let test = TestApp::start_on(
        broker,
        Router::new("g").subscribe("ordres", each(bill).publish_to("invoices")),
    )
    .await;

    let error = test.failure().await;

    assert_eq!(error.kind(), ErrorKind::UnknownTopic);
    assert!(error.to_string().contains("`ordres`"), "{error}");
}
