use super::{
    service::{Calls, Service, until, valued, write},
    view::{View, headers, text},
};
use crate::kit::{kafka, topic, unique};
use milena::{Record, Router, State, by_key, each, extract::Ack, router::by_partition, unordered};
use milena_core::error::BoxError;
use std::time::Duration;

/// Each way to go wrong, and what is said of it.
const FAULTS: [(&str, &str); 5] = [
    ("error", "it is too late"),
    ("panic", "the handler panicked: it is too late"),
    ("never", "could not finish the call within 500ms: it was dropped"),
    ("drop", "its `Ack` was dropped"),
    ("block", "could not finish the call within 500ms: it was dropped"),
];

async fn work(record: Record, ack: Ack, State(calls): State<Calls>) -> Result<(), BoxError> {
    calls.add(&record);
    match record.value().unwrap() {
        b"error" => return Err("it is too late".into()),
        b"panic" => panic!("it is too late"),
        b"never" => std::future::pending().await,
        b"drop" => drop(ack),
        b"block" => {
            std::thread::sleep(Duration::from_secs(1));
            std::future::pending::<()>().await;
        }
        _ => ack.done(),
    }
    Ok(())
}

#[tokio::test]
async fn what_goes_wrong_in_a_handler_is_a_failure_of_its_record_and_of_no_other() {
    let Some(kafka) = kafka() else { return };
    for (name, concurrency) in
        [("by_partition", by_partition()), ("by_key", by_key(4)), ("unordered", unordered(4))]
    {
        let (view, calls) = (View::shared(), Calls::default());
        let (source, dead) = (topic(&kafka, "bad", 2).await, topic(&kafka, "dead", 2).await);
        for (fault, _) in FAULTS {
            write(&kafka, valued(&source, 0, &["fine", fault, "fine"])).await;
            write(&kafka, valued(&source, 1, &["fine", "fine"])).await;
        }
        let group = unique("bad");
        let subscriber = each(work)
            .concurrency(concurrency)
            .timeout(Duration::from_millis(500))
            .dead_letter(dead.clone());
        let router = Router::new(group.clone()).subscribe(source.clone(), subscriber);
        let service = Service::start(&kafka, router.with_state(calls.clone()));
        let ends = view.ends(&source, 2).await;
        until("all is done", async || view.committed(&group, &source, 2).await == ends).await;
        assert!(service.is_running());
        service.stop().await.unwrap();

        let letters = view.records(&dead).await;
        let mut told: Vec<_> = letters
            .iter()
            .map(|letter| {
                let header = |name: &str| {
                    let found = headers(letter).into_iter().find(|it| it.0 == name).unwrap();
                    text(found.1.as_deref())
                };
                let offset: usize = header("milena-dead-letter-offset").parse().unwrap();
                (offset, header("milena-dead-letter-error"))
            })
            .collect();
        told.sort_unstable();
        println!("F30 ({name}): {} calls, dead letters {told:?}", calls.count());
        let expected: Vec<_> =
            FAULTS.iter().enumerate().map(|(i, (_, why))| (3 * i + 1, (*why).to_owned())).collect();
        assert_eq!(told, expected, "{name}");
        assert_eq!((calls.of(0).len(), calls.of(1).len()), (15, 10), "{name}: each once");
    }
}
