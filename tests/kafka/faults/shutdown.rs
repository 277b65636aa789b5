use super::{
    service::{Calls, Service, until, valued, write},
    view::View,
};
use crate::kit::{kafka, topic, unique};
use milena::{Record, Router, State, each, error::ErrorKind};
use std::time::{Duration, Instant};

async fn get_stuck(record: Record, State(calls): State<Calls>) {
    calls.add(&record);
    if record.value() == Some(b"stuck") {
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn a_call_that_never_ends_is_given_up_and_named_and_not_committed() {
    let Some(kafka) = kafka() else { return };
    let (view, source) = (View::shared(), topic(&kafka, "stuck", 2).await);
    let (group, calls) = (unique("stuck"), Calls::default());
    let router = Router::new(group.clone())
        .subscribe(source.clone(), each(get_stuck))
        .drain_timeout(Duration::from_secs(1))
        .with_state(calls.clone());
    let service = Service::start(&kafka, router);
    write(&kafka, valued(&source, 0, &["1", "2", "stuck", "3"])).await;
    write(&kafka, valued(&source, 1, &["1", "2"])).await;
    until("a call is stuck", async || calls.count() == 5).await;
    assert_eq!((calls.of(0), calls.of(1)), (vec![0, 1, 2], vec![0, 1]));

    let asked = Instant::now();
    let error = service.stop().await.unwrap_err();
    let took = asked.elapsed();

    assert_eq!(error.kind(), ErrorKind::Unfinished);
    assert!(error.to_string().contains(&format!("{source}/0/2")), "{error}");
    assert!(!error.to_string().contains(&format!("{source}/1/")), "{error}");
    assert!((Duration::from_secs(1)..Duration::from_secs(10)).contains(&took), "{took:?}");
    assert_eq!(view.committed(&group, &source, 2).await, [Some(2), Some(2)]);
}
