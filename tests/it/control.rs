use crate::kit::TestApp;
use milena::{
    Record, Router, State, each,
    error::ErrorKind,
    router::SeekTo,
    serve::{Control, Incident},
};
use milena_core::{ProducerRecord, TopicPartition};
use milena_memory::Memory;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::Semaphore, time::sleep};

const MS: Duration = Duration::from_millis(1);

type Calls = Arc<Mutex<Vec<(String, i32, i64)>>>;

async fn note(record: Record, State(calls): State<Calls>) {
    let call = (record.topic().to_owned(), record.partition(), record.offset());
    calls.lock().unwrap().push(call);
}

fn write(broker: &Memory, topic: &str, partition: i32, records: i64) {
    for i in 0..records {
        let record = ProducerRecord::new(topic).partition(partition).value("x").timestamp(1000 * i);
        broker.produce(record).unwrap();
    }
}

fn at(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

/// A service that notes the calls for `t`, which has two partitions of three records.
async fn service() -> (Memory, Calls, TestApp) {
    let (broker, calls) = (Memory::new(), Calls::default());
    broker.create_topic("t", 2);
    write(&broker, "t", 0, 3);
    write(&broker, "t", 1, 3);
    let app = Router::new("g").subscribe("t", each(note)).with_state(calls.clone());
    let test = TestApp::start_on(broker.clone(), app).await;
    test.settle().await;
    (broker, calls, test)
}

fn taken(calls: &Calls) -> Vec<(String, i32, i64)> {
    std::mem::take(&mut *calls.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_partition_tells_where_it_stands() {
    let (broker, _, test) = service().await;
    let control = test.control("g");

    assert_eq!(control.assignment().await.unwrap(), [at(0), at(1)]);
    assert_eq!(control.position(&at(0)).await.unwrap(), 3);
    assert_eq!(control.committed(&at(0)).await.unwrap(), Some(3));
    assert_eq!(control.high_watermark(&at(0)).await.unwrap(), 3);
    assert_eq!(control.lag(&at(0)).await.unwrap(), 0);
    control.pause(at(0)).await.unwrap();
    write(&broker, "t", 0, 2);
    assert_eq!(control.lag(&at(0)).await.unwrap(), 2);
    let status = control.status().await.unwrap();
    assert!(status[0].is_paused && !status[1].is_paused);
    assert!(control.health().await.unwrap().is_good());

    let error = control.lag(&at(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAssigned);
    assert_eq!(error.to_string(), "could not look at `t/2`: it is not this member's");
    test.stop().await.unwrap();
    assert_eq!(control.assignment().await.unwrap_err().kind(), ErrorKind::Driver);
}

#[tokio::test(start_paused = true)]
async fn a_paused_partition_or_topic_waits_and_the_others_run_on() {
    let (broker, calls, test) = service().await;
    let control = test.control("g");
    taken(&calls);

    control.pause(at(0)).await.unwrap();
    write(&broker, "t", 0, 1);
    write(&broker, "t", 1, 1);
    sleep(1000 * MS).await;
    assert_eq!(taken(&calls), [("t".to_owned(), 1, 3)]);
    control.resume(at(0)).await.unwrap();
    test.settle().await;
    assert_eq!(taken(&calls), [("t".to_owned(), 0, 3)]);

    control.pause("t").await.unwrap();
    write(&broker, "t", 1, 1);
    sleep(1000 * MS).await;
    assert_eq!(taken(&calls), []);
    control.resume("t").await.unwrap();
    test.settle().await;
    assert_eq!(taken(&calls), [("t".to_owned(), 1, 4)]);

    assert_eq!(control.pause(at(7)).await.unwrap_err().kind(), ErrorKind::NotAssigned);
    assert_eq!(
        control.resume("u").await.unwrap_err().to_string(),
        "could not resume topic `u`: group `g` does not subscribe to it"
    );
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_was_stopped_goes_on_where_it_was() {
    let (broker, calls, test) = service().await;
    let control = test.control("g");
    taken(&calls);

    control.stop_flow().await.unwrap();
    control.pause(at(1)).await.unwrap();
    write(&broker, "t", 0, 1);
    write(&broker, "t", 1, 1);
    sleep(1000 * MS).await;
    assert_eq!(taken(&calls), []);
    control.resume_flow().await.unwrap();
    sleep(1000 * MS).await;
    assert_eq!(taken(&calls), [("t".to_owned(), 0, 3)], "what was paused stays so");
    control.resume(at(1)).await.unwrap();
    test.settle().await;

    assert_eq!(taken(&calls), [("t".to_owned(), 1, 3)]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_where_it_is_sought_and_that_is_committed() {
    let (broker, calls, test) = service().await;
    let control = test.control("g");
    let from = |offset: i64| (offset..3).map(|it| ("t".to_owned(), 0, it)).collect::<Vec<_>>();
    taken(&calls);

    for (to, offset) in [
        (SeekTo::Offset(1), 1),
        (SeekTo::Beginning, 0),
        (SeekTo::Time(1500), 2),
        (SeekTo::Committed, 3),
        (SeekTo::End, 3),
    ] {
        control.seek(&at(0), to).await.unwrap();
        sleep(3000 * MS).await;
        assert_eq!(taken(&calls), from(offset), "{to:?}");
        assert_eq!(broker.committed("g", "t", 0), Some(3));
    }
    control.pause(at(0)).await.unwrap();
    control.seek(&at(0), 1).await.unwrap();
    sleep(3000 * MS).await;
    assert_eq!(taken(&calls), [], "a paused partition moves and stays paused");
    assert_eq!(broker.committed("g", "t", 0), Some(1));

    assert_eq!(control.seek(&at(5), 0).await.unwrap_err().kind(), ErrorKind::NotAssigned);
    let error = control.seek(&at(0), -2).await.unwrap_err();
    assert_eq!(error.to_string(), "could not seek in `t/0`: offset -2 is negative");
    test.stop().await.unwrap();
}

/// A service whose calls have to pass a gate.
async fn gated(records: i64) -> (Memory, Calls, Arc<Semaphore>, TestApp) {
    let (broker, calls, gate) = (Memory::new(), Calls::default(), Arc::new(Semaphore::new(0)));
    write(&broker, "t", 0, records);
    let pass = {
        let (calls, gate) = (calls.clone(), gate.clone());
        move |record: Record| {
            let (calls, gate) = (calls.clone(), gate.clone());
            async move {
                note(record, State(calls)).await;
                gate.acquire().await.unwrap().forget();
            }
        }
    };
    let app = Router::new("g").subscribe("t", each(pass)).drain_timeout(2000 * MS);
    let test = TestApp::start_on(broker.clone(), app).await;
    sleep(10 * MS).await;
    (broker, calls, gate, test)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_runs_ends_before_reading_goes_on_elsewhere() {
    let (broker, calls, gate, test) = gated(3).await;
    let control = test.control("g");
    assert_eq!(taken(&calls).len(), 1);

    let seeking = tokio::spawn({
        let control = control.clone();
        async move { control.seek(&at(0), 2).await }
    });
    sleep(500 * MS).await;
    assert!(!seeking.is_finished() && taken(&calls).is_empty());
    gate.add_permits(1);
    seeking.await.unwrap().unwrap();
    gate.add_permits(10);
    test.settle().await;

    assert_eq!(taken(&calls), [("t".to_owned(), 0, 2)]);
    assert_eq!(broker.committed("g", "t", 0), Some(3));
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_end_holds_a_seek_up_for_a_while_only_and_the_overlap_is_told() {
    let (_, calls, gate, test) = gated(3).await;
    let control = test.control("g");
    let mut incidents = control.incidents();
    taken(&calls);

    control.seek(&at(0), 2).await.unwrap();

    let partition = at(0);
    assert_eq!(incidents.next().await, Some(Incident::Overlap { partition, offset: 0 }));
    gate.add_permits(10);
    test.settle().await;
    assert_eq!(taken(&calls), [("t".to_owned(), 0, 2)]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_is_told_and_can_be_waited_for() {
    let (_, _, gate, test) = gated(3).await;
    let control = test.control("g");

    assert_eq!(control.unsettled(&at(0)).await.unwrap(), [0, 1, 2]);
    assert_eq!(control.wait_empty(500 * MS).await.unwrap(), 3);
    gate.add_permits(1);
    assert_eq!(control.wait_empty(500 * MS).await.unwrap(), 2);
    gate.add_permits(10);
    assert_eq!(control.wait_empty(500 * MS).await.unwrap(), 0);
    assert!(control.unsettled(&at(0)).await.unwrap().is_empty());
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn calls_for_a_commit_at_the_same_time_are_one_and_a_failure_is_told_to_all() {
    let (broker, calls) = (Memory::new(), Calls::default());
    broker.create_topic("t", 1);
    let hour = Duration::from_hours(1);
    let app = Router::new("g").subscribe(["t", "u"], each(note)).commit_interval(hour);
    let test = TestApp::start_on(broker.clone(), app.with_state(calls.clone())).await;
    let control = test.control("g");
    write(&broker, "t", 0, 2);
    write(&broker, "u", 0, 2);
    sleep(10 * MS).await;
    assert_eq!(broker.committed("g", "t", 0), None);

    control.commit_topics(["t"]).await.unwrap();
    assert_eq!(broker.committed("g", "t", 0), Some(2));
    assert_eq!(broker.committed("g", "u", 0), None);
    broker.faults().refuse_commits(1, ErrorKind::Rebalancing);
    let (one, two) = tokio::join!(control.commit(), control.commit());
    assert_eq!(one.unwrap_err().kind(), ErrorKind::Rebalancing);
    assert_eq!(two.unwrap_err().kind(), ErrorKind::Rebalancing);
    assert_eq!(broker.faults().fired().commits_refused, 1);
    control.commit().await.unwrap();
    assert_eq!(broker.committed("g", "u", 0), Some(2));
    control.commit().await.unwrap();
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn subscriptions_come_and_go_while_the_group_runs() {
    let (broker, calls, test) = service().await;
    let control = test.control("g");
    write(&broker, "u", 0, 1);
    taken(&calls);

    let more = Router::new("g").subscribe("u", each(note)).with_state(calls.clone());
    control.add(more).await.unwrap();
    sleep(3000 * MS).await;
    assert_eq!(taken(&calls), [("u".to_owned(), 0, 0)]);
    control.remove(["t"]).await.unwrap();
    sleep(3000 * MS).await;
    write(&broker, "t", 0, 1);
    write(&broker, "u", 0, 1);
    sleep(3000 * MS).await;
    assert_eq!(taken(&calls), [("u".to_owned(), 0, 1)]);
    assert_eq!(control.assignment().await.unwrap(), [TopicPartition::new("u", 0)]);

    let other = Router::new("h").subscribe("u", each(|| async {}));
    assert_eq!(control.add(other).await.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(control.remove(["x"]).await.unwrap_err().kind(), ErrorKind::Config);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handler_steers_its_own_group() {
    async fn stop(control: Control, record: Record) {
        if record.offset() == 1 {
            control.stop().await.unwrap();
        }
    }
    let broker = Memory::new();
    write(&broker, "t", 0, 3);

    let result = milena::serve(broker.clone(), Router::new("g").subscribe("t", each(stop))).await;

    result.unwrap();
    assert_eq!(broker.committed("g", "t", 0), Some(2));
}
