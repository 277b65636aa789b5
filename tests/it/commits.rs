use crate::kit::TestApp;
use milena::{
    Record, Router, State, each,
    error::ErrorKind,
    router::{Rebalance, on_assigned},
};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::sleep;

const MS: Duration = Duration::from_millis(1);

type Calls = Arc<Mutex<Vec<(i32, i64)>>>;

async fn note(record: Record, State(calls): State<Calls>) {
    sleep(5 * MS).await;
    calls.lock().unwrap().push((record.partition(), record.offset()));
}

fn write(broker: &Memory, partitions: i32, records: i32) {
    broker.create_topic("t", partitions);
    for i in 0..records {
        let record = ProducerRecord::new("t").partition(i % partitions).value("x");
        broker.produce(record).unwrap();
    }
}

fn app(calls: &Calls) -> Router {
    let router = Router::new("g").subscribe("t", each(note)).commit_interval(50 * MS);
    router.with_state(calls.clone())
}

/// How often each record was called with.
fn times(calls: &Calls) -> Vec<usize> {
    let mut calls = calls.lock().unwrap().clone();
    calls.sort_unstable();
    calls.chunk_by(|a, b| a == b).map(<[_]>::len).collect()
}

/// What a broker may say to a commit, alone and one behind the other, costs no record and repeats none,
/// as long as the member keeps its partitions.
#[tokio::test(start_paused = true)]
async fn a_commit_that_is_refused_for_now_is_made_again_and_nothing_is_repeated() {
    use ErrorKind::{Rebalancing, TimedOut, Unreachable};
    let sequences: [&[ErrorKind]; 5] = [
        &[Rebalancing],
        &[Unreachable],
        &[TimedOut],
        &[Rebalancing, Unreachable, Rebalancing],
        &[Unreachable, Unreachable, Unreachable, TimedOut, Rebalancing],
    ];
    for kinds in sequences {
        let (broker, calls) = (Memory::new(), Calls::default());
        write(&broker, 2, 40);
        kinds.iter().for_each(|kind| broker.faults().refuse_commits(1, *kind));
        let test = TestApp::start_on(broker.clone(), app(&calls)).await;
        test.settle().await;
        test.stop().await.unwrap();

        assert_eq!(broker.faults().fired().commits_refused, kinds.len(), "{kinds:?}");
        assert_eq!(times(&calls), [1; 40], "{kinds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_refused_for_good_gives_the_partitions_up_and_repeats_what_was_not_committed()
 {
    let (broker, calls) = (Memory::new(), Calls::default());
    write(&broker, 2, 40);
    broker.faults().refuse_commits(1, ErrorKind::Fenced);
    let test = TestApp::start_on(broker.clone(), app(&calls)).await;
    test.settle().await;
    test.stop().await.unwrap();

    assert_eq!(broker.faults().fired().commits_refused, 1);
    let times = times(&calls);
    assert_eq!(times.len(), 40);
    assert!(times.contains(&2), "the fault had a consequence: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_is_lost_is_made_again_and_never_lower() {
    let (broker, calls) = (Memory::new(), Calls::default());
    write(&broker, 2, 40);
    broker.faults().lose_commit_answers(3);
    let test = TestApp::start_on(broker.clone(), app(&calls)).await;
    let mut last = [0, 0];
    while broker.lag("g", "t") > 0 {
        sleep(MS).await;
        for (partition, last) in (0..).zip(&mut last) {
            let committed = broker.committed("g", "t", partition).unwrap_or(0);
            assert!(committed >= *last, "{committed} behind {last}");
            *last = committed;
        }
    }
    test.stop().await.unwrap();

    assert_eq!(broker.faults().fired().commit_answers_lost, 3);
    assert_eq!(times(&calls), [1; 40]);
}

#[tokio::test(start_paused = true)]
async fn a_generation_that_moves_under_a_commit_costs_nothing() {
    let (broker, calls) = (Memory::new(), Calls::default());
    write(&broker, 4, 80);
    let test = TestApp::start_on(broker.clone(), app(&calls)).await;
    for _ in 0..3 {
        sleep(30 * MS).await;
        broker.faults().move_generation("g");
    }
    test.settle().await;
    test.stop().await.unwrap();

    assert!(broker.faults().fired().commits_outdated > 0);
    assert_eq!(times(&calls), [1; 80]);
}

#[tokio::test(start_paused = true)]
async fn what_is_assigned_and_revoked_before_the_first_record_commits_nothing() {
    let (broker, calls) = (Memory::new(), Calls::default());
    write(&broker, 4, 0);
    let before = TestApp::start_on(broker.clone(), app(&calls)).await;
    write(&broker, 4, 40);
    before.settle().await;
    before.stop().await.unwrap();
    let committed = || (0..4).map(|it| broker.committed("g", "t", it)).collect::<Vec<_>>();
    let done = committed();
    let given = Arc::new(Mutex::new(Vec::new()));
    let hasty = || {
        let given = given.clone();
        app(&calls).on_rebalance(on_assigned(move |rebalance: Rebalance| {
            given.lock().unwrap().push(rebalance.partitions().len());
            async { Ok(()) }
        }))
    };
    for _ in 0..20 {
        let one = TestApp::start_on(broker.clone(), hasty()).await;
        let two = TestApp::start_on(broker.clone(), hasty()).await;
        tokio::task::yield_now().await;
        one.stop().await.unwrap();
        two.stop().await.unwrap();
        assert_eq!(committed(), done, "nothing is set back");
    }
    assert!(given.lock().unwrap().iter().any(|partitions| *partitions > 0), "{given:?}");
    assert_eq!(times(&calls), [1; 40]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_given_nothing_commits_nothing() {
    let (broker, calls, idle) = (Memory::new(), Calls::default(), Calls::default());
    write(&broker, 1, 10);
    let one = TestApp::start_on(broker.clone(), app(&calls)).await;
    one.settle().await;
    let two = TestApp::start_on(broker.clone(), app(&idle)).await;
    two.settle().await;

    two.stop().await.unwrap();
    let committed = broker.committed("g", "t", 0);
    broker.produce(ProducerRecord::new("t").partition(0).value("x")).unwrap();
    one.settle().await;
    one.stop().await.unwrap();

    assert_eq!((committed, broker.committed("g", "t", 0)), (Some(10), Some(11)));
    assert!(idle.lock().unwrap().is_empty());
    assert_eq!(times(&calls), [1; 11]);
}
