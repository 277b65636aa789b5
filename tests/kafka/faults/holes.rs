use super::{
    service::{Calls, Service, until, write},
    view::View,
};
use crate::kit::{STUCK, kafka, topic, unique};
use milena::{Record, Router, State, each};
use milena_core::ProducerRecord;
use rdkafka::{
    message::Message as _,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::{sync::Arc, time::Duration};

async fn note(record: Record, State(calls): State<Calls>) {
    calls.add(&record);
}

/// Serves until the group has committed everything up to the end of each partition.
async fn serve_to_the_end(
    view: &View,
    (group, topic): (&Arc<str>, &Arc<str>),
    calls: &Calls,
    ends: [i64; 2],
) {
    let Some(kafka) = kafka() else { return };
    let ends = ends.map(Some);
    // The marker of a transaction is written a moment behind its end.
    until("the markers are written", async || view.ends(topic, 2).await == ends).await;
    let router = Router::new(group.clone()).subscribe(topic.clone(), each(note));
    let service = Service::start(&kafka, router.with_state(calls.clone()));
    until("there is no lag", async || view.committed(group, topic, 2).await == ends).await;
    service.stop().await.unwrap();
    assert_eq!(view.committed(group, topic, 2).await, ends);
}

#[tokio::test]
async fn markers_of_transactions_at_the_end_of_a_partition_leave_no_lag() {
    let Some(kafka) = kafka() else { return };
    let (view, source) = (View::shared(), topic(&kafka, "markers", 2).await);
    let (group, calls) = (unique("markers"), Calls::default());
    transactions(&view, &source, true).await;

    // Ten records and two markers, and a marker behind five that were taken back.
    serve_to_the_end(&view, (&group, &source), &calls, [12, 6]).await;
    assert_eq!((calls.of(0), calls.of(1)), ((0..5).collect(), vec![]));

    // Now there is nothing but what is no record.
    transactions(&view, &source, false).await;
    serve_to_the_end(&view, (&group, &source), &calls, [18, 12]).await;
    assert_eq!(calls.count(), 5);
}

#[tokio::test]
async fn what_was_taken_back_is_never_shown_wherever_it_lies() {
    let Some(kafka) = kafka() else { return };
    let (view, source) = (View::shared(), topic(&kafka, "aborted", 2).await);
    let (group, calls) = (unique("aborted"), Calls::default());
    // At the head, between records and transactions that hold, and at the end.
    for commits in [false, true, false] {
        transactions(&view, &source, commits).await;
        let record = ProducerRecord::new(source.clone()).value("plain");
        write(&kafka, (0..2).map(|it| record.clone().partition(it)).collect()).await;
    }
    transactions(&view, &source, false).await;

    // In one partition four were taken back and one holds, of five records and a marker each.
    serve_to_the_end(&view, (&group, &source), &calls, [33, 27]).await;

    let shown: Vec<_> = [6].into_iter().chain(7..12).chain([19, 26]).collect();
    println!("F27 kafka: 40 records taken back, {} shown, none of those, lag 0", calls.count());
    assert_eq!((calls.of(0), calls.of(1)), (shown, vec![6, 13, 20]));
    let all = view.records_uncommitted(&source).await;
    let taken_back = all.iter().filter(|it| it.payload() == Some(b"x")).count() - 5;
    assert_eq!(taken_back, 40, "they are in the log");
}

#[tokio::test]
async fn what_compaction_took_away_leaves_no_lag() {
    let Some(kafka) = kafka() else { return };
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "50"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("delete.retention.ms", "0"),
    ];
    let view = View::shared();
    let source = view.topic("compacted", 2, &settings).await;
    let (group, calls) = (unique("compacted"), Calls::default());
    for round in 0..5 {
        let record = |n: usize| {
            let record = ProducerRecord::new(source.clone()).key(format!("{}", n % 3));
            record.value(format!("{round}-{n}")).partition(i32::from(n >= 50))
        };
        write(&kafka, (0..100).map(record).collect()).await;
        // The next write begins a new segment, so that this one can be compacted.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    until("it is compacted", async || {
        let records = view.records(&source).await;
        // The last write of each partition is in a segment that still grows.
        records.len() < 2 * (50 + 10)
    })
    .await;
    transactions(&view, &source, false).await;

    serve_to_the_end(&view, (&group, &source), &calls, [256, 256]).await;

    let records = view.records(&source).await;
    let of = |partition: i32| -> Vec<i64> {
        let of_it = records.iter().filter(|record| record.partition() == partition);
        of_it.map(|record| record.offset()).collect()
    };
    assert_eq!((calls.of(0), calls.of(1)), (of(0), of(1)));
    assert!(records.len() < 120);
    // Whole batches are gone where the partitions begin.
    assert!(of(0)[0] > 50 && of(1)[0] > 50, "{} {}", of(0)[0], of(1)[0]);
    println!(
        "F27 kafka: compacted to {} of 500 records, the first is {}, lag 0",
        records.len(),
        of(0)[0]
    );
}

/// A transaction in partition 0 that is committed, if asked for, and one in both that is taken back.
async fn transactions(view: &View, topic: &Arc<str>, commits: bool) {
    let (config, topic) = (view.config(), topic.clone());
    let work = move || {
        let producer: BaseProducer =
            config.clone().set("transactional.id", &*unique("id")).create().unwrap();
        producer.init_transactions(STUCK).unwrap();
        if commits {
            producer.begin_transaction().unwrap();
            send(&producer, &topic, 0);
            producer.commit_transaction(STUCK).unwrap();
        }
        producer.begin_transaction().unwrap();
        send(&producer, &topic, 0);
        send(&producer, &topic, 1);
        // Aborting wants somebody to poll.
        std::thread::scope(|scope| {
            let abort = scope.spawn(|| producer.abort_transaction(STUCK));
            while !abort.is_finished() {
                producer.poll(Duration::from_millis(10));
            }
            abort.join().unwrap().unwrap();
        });
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

fn send(producer: &BaseProducer, topic: &str, partition: i32) {
    for _ in 0..5 {
        let record = BaseRecord::to(topic).key("key").payload("x").partition(partition);
        producer.send(record).unwrap();
    }
    producer.flush(STUCK).unwrap();
}
