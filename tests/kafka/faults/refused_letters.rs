use super::{
    logs::Logs,
    service::{Calls, Service, until, valued, write},
    view::View,
};
use crate::kit::{kafka, topic, unique};
use milena::{Outcome, Record, Router, State, each};

/// What is logged of it.
const REFUSED: &str = "a dead letter cannot be written";

async fn judge(record: Record, State(calls): State<Calls>) -> Outcome {
    calls.add(&record);
    match record.value() {
        Some(b"bad") => Outcome::dead_letter("it is bad"),
        _ => Outcome::done(),
    }
}

#[tokio::test]
async fn a_dead_letter_that_is_refused_holds_up_its_partition_alone_until_it_can_be_written() {
    let Some(kafka) = kafka() else { return };
    let (logs, view) = (Logs::default(), View::shared());
    let _logging = logs.listen();
    let source = topic(&kafka, "judged", 2).await;
    let dead = view.topic("tiny", 1, &[("max.message.bytes", "100")]).await;
    let (group, calls) = (unique("judged"), Calls::default());
    let subscriber = each(judge).dead_letter(dead.clone());
    let router = Router::new(group.clone()).subscribe(source.clone(), subscriber);
    let service = Service::start(&kafka, router.with_state(calls.clone()));
    let committed = async |first, second| {
        view.committed(&group, &source, 2).await == [Some(first), Some(second)]
    };

    write(&kafka, valued(&source, 1, &["1"])).await;
    write(&kafka, valued(&source, 0, &["1", "2", "bad"])).await;
    until("the dead letter is refused", async || !logs.lines(REFUSED).is_empty()).await;
    write(&kafka, valued(&source, 0, &["3", "4"])).await;
    write(&kafka, valued(&source, 1, &["2", "3"])).await;
    until("the other partition is done", async || committed(2, 3).await).await;
    assert_eq!((calls.of(0), calls.of(1)), (vec![0, 1, 2], vec![0, 1, 2]));
    assert!(view.records(&dead).await.is_empty());
    assert!(service.is_running());

    view.alter(&dead, "max.message.bytes", "100000").await;
    until("the partition goes on", async || committed(5, 3).await).await;
    service.stop().await.unwrap();

    assert_eq!(view.values(&dead).await, ["bad"]);
    assert_eq!((calls.of(0), calls.of(1)), ((0..5).collect(), (0..3).collect()));
}

#[tokio::test]
async fn a_service_whose_dead_letter_is_refused_can_be_stopped_and_the_next_one_tries_again() {
    let Some(kafka) = kafka() else { return };
    let (logs, view) = (Logs::default(), View::shared());
    let _logging = logs.listen();
    let source = topic(&kafka, "judged", 1).await;
    let dead = view.topic("tiny", 1, &[("max.message.bytes", "100")]).await;
    let (group, calls) = (unique("judged"), Calls::default());
    let router = || {
        let subscriber = each(judge).dead_letter(dead.clone());
        let router = Router::new(group.clone()).subscribe(source.clone(), subscriber);
        router.with_state(calls.clone())
    };
    write(&kafka, valued(&source, 0, &["1", "bad"])).await;

    let first = Service::start(&kafka, router());
    until("the dead letter is refused", async || !logs.lines(REFUSED).is_empty()).await;
    first.stop().await.unwrap();
    assert_eq!(view.committed(&group, &source, 1).await, [Some(1)]);
    view.alter(&dead, "max.message.bytes", "100000").await;
    let second = Service::start(&kafka, router());
    until("it is done", async || view.committed(&group, &source, 1).await == [Some(2)]).await;
    second.stop().await.unwrap();

    assert_eq!(view.values(&dead).await, ["bad"]);
    assert_eq!(calls.of(0), [0, 1, 1]);
}
