//! Each row of the watchdog's table, on a real Kafka: by itself where that can be brought about, else
//! behind a driver that keeps something from the runtime.

use super::{
    own_broker::OwnBroker,
    service::{Service, valued, write},
};
use crate::kit::{STUCK, kafka, topic, unique};
use milena::{
    Record, Router, each,
    error::Error,
    router::Watchdog,
    serve::{Control, Incident},
};
use milena_core::{
    TopicPartition,
    transport::{
        BoxFuture, Consumer, Creation, Event, Fetch, Lookup, Membership, NewTopic, Producer,
        Selection, TopicDescription, Transport,
    },
};
use milena_rdkafka::Kafka;
use std::{
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

const LONG: Duration = Duration::from_hours(1);
const SHORT: Duration = Duration::from_secs(2);

/// Keeps something of what a driver tells from the runtime.
#[derive(Clone)]
struct Keeping<T>(T, fn(Event) -> Option<Event>);

impl Transport for Keeping<Kafka> {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        Box::pin(
            async move { Ok(Box::new(Keeping(self.0.consumer(membership).await?, self.1)) as _) },
        )
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        self.0.producer()
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<Vec<Creation>, Error>> {
        self.0.create_topics(topics)
    }

    fn describe_topics(
        &self,
        topics: Vec<Arc<str>>,
    ) -> BoxFuture<'_, Result<Vec<Option<TopicDescription>>, Error>> {
        self.0.describe_topics(topics)
    }
}

impl Consumer for Keeping<Box<dyn Consumer>> {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        loop {
            let event = ready!(self.0.poll_event(cx));
            if let Some(event) = self.1(event) {
                return Poll::Ready(event);
            }
        }
    }

    fn assign(&mut self, partitions: Vec<(TopicPartition, Option<i64>)>) {
        self.0.assign(partitions);
    }

    fn release(&mut self, partitions: Vec<TopicPartition>) {
        self.0.release(partitions);
    }

    fn commit(&mut self, offsets: Vec<(TopicPartition, i64)>) {
        self.0.commit(offsets);
    }

    fn seek(&mut self, to: Vec<(TopicPartition, i64)>) {
        self.0.seek(to);
    }

    fn select(&mut self, selection: Selection) {
        self.0.select(selection);
    }

    fn lookup(&self) -> Arc<dyn Lookup> {
        self.0.lookup()
    }

    fn park(&mut self, partition: &TopicPartition) {
        self.0.park(partition);
    }

    fn unpark(&mut self, partition: &TopicPartition) {
        self.0.unpark(partition);
    }

    fn close(&mut self, within: Duration) {
        self.0.close(within);
    }
}

/// Changes what is told of fetching.
fn fetches(event: Event, change: fn(Fetch) -> Fetch) -> Option<Event> {
    Some(match event {
        Event::Fetches(fetches) => Event::Fetches(fetches.into_iter().map(change).collect()),
        other => other,
    })
}

async fn hang_at_two(record: Record) {
    if record.value() == Some(b"2") {
        std::future::pending::<()>().await;
    }
}

fn dog() -> Watchdog {
    Watchdog::default().fetch(LONG).processing(LONG).commit(LONG)
}

/// The text of the first row that is told, which has to be this one.
async fn bark(control: &Control, number: u8) -> String {
    let mut incidents = control.incidents();
    let looking = async {
        loop {
            match incidents.next().await {
                Some(Incident::Stuck { row, text, .. }) => return (row, text),
                Some(_) => {}
                None => panic!("the service ended"),
            }
        }
    };
    let told = tokio::time::timeout(STUCK, looking).await;
    let (row, text) = told.unwrap_or_else(|_| panic!("row {number} is not told"));
    assert_eq!(row, number, "{text}");
    println!("row {row}: {text}");
    let health = control.health().await.unwrap();
    assert!(health.concerns.iter().any(|it| it.partition.is_some()), "{health:?}");
    text
}

/// Runs a service on a topic with these values, until it has been told that it stands still.
async fn stands_still(
    row: u8,
    kafka: &Kafka,
    keep: fn(Event) -> Option<Event>,
    (values, watchdog): (&[&str], Watchdog),
) {
    let source = topic(kafka, "dog", 1).await;
    write(kafka, valued(&source, 0, values)).await;
    let router = Router::new(unique("dog"))
        .subscribe(source, each(hang_at_two))
        .commit_interval(Duration::from_millis(200))
        .drain_timeout(Duration::from_millis(200))
        .watchdog(watchdog);
    let (service, control) = Service::start_with_control(&Keeping(kafka.clone(), keep), router);
    bark(&control, row).await;
    drop(service);
}

#[tokio::test]
async fn calls_that_hang_are_told_of() {
    let Some(kafka) = kafka() else { return };
    let all = |event| Some(event);
    stands_still(7, &kafka, all, (&["1", "2", "3"], dog().processing(SHORT))).await;
    stands_still(8, &kafka, all, (&["2", "3"], dog().commit(SHORT))).await;
    stands_still(9, &kafka, all, (&["1", "2", "3"], dog().commit(SHORT))).await;
}

#[tokio::test]
async fn a_driver_that_keeps_things_to_itself_is_told_of() {
    let Some(kafka) = kafka() else { return };
    let (one, fetch) = (&["1"][..], dog().fetch(SHORT));
    let never_asked = |event| fetches(event, |it| Fetch { asked: None, answered: None, ..it });
    stands_still(1, &kafka, never_asked, (one, fetch)).await;
    let never_answered = |event| fetches(event, |it| Fetch { answered: None, ..it });
    stands_still(2, &kafka, never_answered, (one, fetch)).await;
    let asks_no_more = |event| fetches(event, |it| Fetch { asked: Some(LONG), ..it });
    stands_still(3, &kafka, asks_no_more, (one, fetch)).await;
    let no_end = |event| match fetches(event, |it| Fetch { end: None, ..it }) {
        Some(Event::Records(_) | Event::Position(..)) => None,
        other => other,
    };
    stands_still(5, &kafka, no_end, (one, dog().processing(SHORT))).await;
}

#[tokio::test]
async fn records_that_are_not_delivered_are_told_of() {
    let Some(kafka) = kafka() else { return };
    let source = topic(&kafka, "dog", 1).await;
    let group = unique("dog");
    let router = || {
        let router = Router::new(group.clone()).subscribe(source.clone(), each(hang_at_two));
        router.watchdog(dog().processing(SHORT))
    };
    write(&kafka, valued(&source, 0, &["1"])).await;
    let (first, control) = Service::start_with_control(&kafka, router());
    super::service::until("it is committed", async || {
        let at = TopicPartition::new(source.clone(), 0);
        control.committed(&at).await.ok().flatten() == Some(1)
    })
    .await;
    first.stop().await.unwrap();
    write(&kafka, valued(&source, 0, &["1"])).await;
    let no_records = |event| match event {
        Event::Records(_) | Event::Position(..) => None,
        other => Some(other),
    };
    let (service, control) =
        Service::start_with_control(&Keeping(kafka.clone(), no_records), router());
    bark(&control, 6).await;
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_pause_that_was_forgotten_is_told_of() {
    let Some(kafka) = kafka() else { return };
    let source = topic(&kafka, "dog", 1).await;
    let router = Router::new(unique("dog")).subscribe(source.clone(), each(hang_at_two));
    let (service, control) =
        Service::start_with_control(&kafka, router.watchdog(dog().fetch(SHORT)));
    control.pause(&*source).await.unwrap();
    bark(&control, 0).await;
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_broker_that_answers_no_more_is_told_of() {
    if kafka().is_none() {
        return;
    }
    let broker = OwnBroker::new();
    broker.up().await;
    let kafka = Kafka::new(broker.address());
    let source = topic(&kafka, "dog", 1).await;
    write(&kafka, valued(&source, 0, &["1"])).await;
    let limit = Duration::from_secs(12);
    let router = Router::new(unique("dog")).subscribe(source.clone(), each(hang_at_two));
    let (service, control) =
        Service::start_with_control(&kafka, router.watchdog(dog().fetch(limit)));
    super::service::until("it is committed", async || {
        let at = TopicPartition::new(source.clone(), 0);
        control.committed(&at).await.ok().flatten() == Some(1)
    })
    .await;
    broker.pause().await;
    bark(&control, 4).await;
    broker.resume().await;
    service.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_is_told_of_a_service_that_is_well() {
    let Some(kafka) = kafka() else { return };
    let source = topic(&kafka, "dog", 1).await;
    // Far more than a busy machine takes for a record, and less than the service lives.
    let limit = Duration::from_secs(12);
    let limits = Watchdog::default().fetch(limit).processing(limit).commit(limit);
    let router = Router::new(unique("dog"))
        .subscribe(source.clone(), each(hang_at_two))
        .commit_interval(Duration::from_millis(200))
        .watchdog(limits);
    let (service, control) = Service::start_with_control(&kafka, router);
    let mut incidents = control.incidents();
    let begin = tokio::time::Instant::now();
    while begin.elapsed() < 2 * limit {
        write(&kafka, valued(&source, 0, &["1"])).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert!(control.health().await.unwrap().is_good());
    service.stop().await.unwrap();

    while let Some(incident) = incidents.next().await {
        assert!(!matches!(incident, Incident::Stuck { .. }), "{incident:?}");
    }
}
