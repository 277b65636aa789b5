use crate::kit::TestApp;
use milena::{
    Record, Router, State, each,
    error::ErrorKind,
    router::{Partitions, Topics},
};
use milena_core::{ProducerRecord, TopicPartition, transport::StartAt};
use milena_memory::Memory;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::sleep;

const MS: Duration = Duration::from_millis(1);

type Calls = Arc<Mutex<Vec<String>>>;

async fn note(record: Record, State(calls): State<Calls>) {
    let call = format!("{}/{}/{}", record.topic(), record.partition(), record.offset());
    calls.lock().unwrap().push(call);
}

fn write(broker: &Memory, topic: &str, partition: i32) {
    broker.produce(ProducerRecord::new(topic).partition(partition).value("x")).unwrap();
}

/// What was called since it was last asked, in an order.
fn taken(calls: &Calls) -> Vec<String> {
    let mut calls = std::mem::take(&mut *calls.lock().unwrap());
    calls.sort();
    calls
}

#[tokio::test(start_paused = true)]
async fn topics_that_match_a_pattern_are_read_also_those_that_come_later() {
    let (broker, calls) = (Memory::new(), Calls::default());
    write(&broker, "logs.info", 0);
    write(&broker, "all.logs.info", 0);
    let app = Router::new("g").subscribe(Topics::matching(r"logs\.{level}"), each(note));
    let test = TestApp::start_on(broker.clone(), app.with_state(calls.clone())).await;
    sleep(3000 * MS).await;
    write(&broker, "logs.error", 0);
    sleep(3000 * MS).await;

    assert_eq!(taken(&calls), ["logs.error/0/0", "logs.info/0/0"]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn explicit_partitions_are_read_whatever_the_others_of_the_group_read() {
    let (broker, calls) = (Memory::new(), Calls::default());
    broker.create_topic("t", 3);
    (0..3).for_each(|partition| write(&broker, "t", partition));
    let app = || {
        let router = Router::new("g").subscribe(Partitions::of("t", [0, 2]), each(note));
        router.with_state(calls.clone())
    };
    let first = TestApp::start_on(broker.clone(), app()).await;
    sleep(3000 * MS).await;
    assert_eq!(taken(&calls), ["t/0/0", "t/2/0"]);
    assert_eq!(broker.committed("g", "t", 2), Some(1));
    let second = TestApp::start_on(broker.clone(), app()).await;
    write(&broker, "t", 2);
    sleep(3000 * MS).await;

    assert_eq!(taken(&calls), ["t/2/1", "t/2/1"], "both have it");
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_group_every_partition_is_read_and_nothing_is_committed() {
    let (broker, calls) = (Memory::new(), Calls::default());
    broker.create_topic("t", 2);
    (0..2).for_each(|partition| write(&broker, "t", partition));
    let app = Router::without_group().subscribe("t", each(note)).with_state(calls.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    sleep(3000 * MS).await;
    broker.add_partitions("t", 3);
    write(&broker, "t", 2);
    sleep(3000 * MS).await;

    assert_eq!(taken(&calls), ["t/0/0", "t/1/0", "t/2/0"]);
    let control = test.control("(none)");
    assert_eq!(control.commit().await.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(control.committed(&TopicPartition::new("t", 0)).await.unwrap(), None);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_group_begins_where_the_router_says() {
    let broker = Memory::new();
    for i in 0..4 {
        broker.produce(ProducerRecord::new("t").value("x").timestamp(1000 * i)).unwrap();
    }
    let starts = [
        (StartAt::Earliest, "0123"),
        (StartAt::Latest, ""),
        (StartAt::Time(1500), "23"),
        (StartAt::Ago(Duration::from_secs(1)), ""),
        (StartAt::Offsets(vec![(TopicPartition::new("t", 0), 3)]), "3"),
    ];
    for (i, (start, expected)) in starts.into_iter().enumerate() {
        let calls = Calls::default();
        let app = Router::new(format!("g{i}")).subscribe("t", each(note)).start_at(start.clone());
        let test = TestApp::start_on(broker.clone(), app.with_state(calls.clone())).await;
        sleep(3000 * MS).await;

        let read: String = taken(&calls).iter().filter_map(|call| call.chars().last()).collect();
        assert_eq!(read, expected, "{start:?}");
        test.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_has_to_have_committed_and_has_not_is_an_error() {
    let broker = Memory::new();
    write(&broker, "t", 0);
    let app: Router =
        Router::new("g").subscribe("t", each(|| async {})).start_at(StartAt::Committed);

    let error = milena::serve(broker, app).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::OutOfRange);
    assert!(error.to_string().contains("t/0"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn several_subscriptions_of_a_topic_each_get_every_record_which_is_done_when_all_are() {
    let (broker, one, two) = (Memory::new(), Calls::default(), Calls::default());
    write(&broker, "t", 0);
    let slow = {
        let two = two.clone();
        move |record: Record| {
            let two = two.clone();
            async move {
                sleep(5000 * MS).await;
                note(record, State(two)).await;
            }
        }
    };
    let app = Router::new("g")
        .subscribe("t", each(note))
        .subscribe(Topics::matching("t|u"), each(slow))
        .with_state(one.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    sleep(4000 * MS).await;
    assert_eq!((taken(&one).len(), broker.committed("g", "t", 0)), (1, None));
    test.settle().await;

    assert_eq!((taken(&two).len(), broker.committed("g", "t", 0)), (1, Some(1)));
    test.stop().await.unwrap();
}

#[tokio::test]
#[should_panic(
    expected = "dead letters would come back to their subscription, which takes topic `t.dead`"
)]
async fn dead_letters_that_match_the_pattern_would_come_back() {
    let dead = each(|| async {}).dead_letter("t.dead");
    let router = Router::<()>::new("g").subscribe(Topics::matching("t.*"), dead);
    drop(milena::serve(Memory::new(), router));
}

#[test]
#[should_panic(expected = "partition `t/1` is named twice")]
fn a_partition_is_named_once() {
    let _ = Router::<()>::new("g").subscribe(Partitions::of("t", [1, 1]), each(|| async {}));
}
