use super::{
    service::{Service, until},
    view::View,
};
use crate::kit::{STUCK, kafka, topic, unique};
use milena::{Record, Router, State, each};
use milena_core::{ProducerRecord, transport::Transport as _};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

const PARTITIONS: i32 = 6;
const ROUNDS: usize = 8;
/// How long a hasty service stays, whether it is given anything by then or not.
const HASTE: Duration = Duration::from_millis(700);

fn classic(kafka: Kafka) -> Kafka {
    kafka.set("heartbeat.interval.ms", "300")
}

fn by_broker(kafka: Kafka) -> Kafka {
    kafka.group_protocol(GroupProtocol::Consumer)
}

#[tokio::test]
async fn two_services_hand_partitions_over_without_loss_or_repeat() {
    churn(classic, 1).await;
}

#[tokio::test]
async fn three_services_hand_partitions_over_without_loss_or_repeat() {
    churn(classic, 2).await;
}

#[tokio::test]
async fn two_services_hand_partitions_over_without_loss_or_repeat_where_the_broker_assigns() {
    churn(by_broker, 1).await;
}

#[tokio::test]
async fn three_services_hand_partitions_over_without_loss_or_repeat_where_the_broker_assigns() {
    churn(by_broker, 2).await;
}

/// Where the services of a group note what they work on.
#[derive(Clone, Default)]
struct Floor {
    /// Which service works on a partition now.
    at_work: Arc<Mutex<HashMap<i32, usize>>>,
    overlaps: Arc<AtomicUsize>,
    /// Which services had a part in each partition, in order.
    shifts: Arc<Mutex<HashMap<i32, Vec<usize>>>>,
    member: usize,
}

impl Floor {
    fn enter(&self, partition: i32) {
        if self.at_work.lock().unwrap().insert(partition, self.member).is_some() {
            self.overlaps.fetch_add(1, SeqCst);
        }
        let mut shifts = self.shifts.lock().unwrap();
        let shifts = shifts.entry(partition).or_default();
        if shifts.last() != Some(&self.member) {
            shifts.push(self.member);
        }
    }

    fn leave(&self, partition: i32) {
        if self.at_work.lock().unwrap().remove(&partition) != Some(self.member) {
            self.overlaps.fetch_add(1, SeqCst);
        }
    }

    /// Whether this service was given work.
    fn has_seen(&self, member: usize) -> bool {
        self.shifts.lock().unwrap().values().any(|shifts| shifts.contains(&member))
    }

    /// How often a partition went from one service to another.
    fn hand_overs(&self) -> usize {
        self.shifts.lock().unwrap().values().map(|shifts| shifts.len() - 1).sum()
    }
}

async fn work(record: Record, State(floor): State<Floor>) -> String {
    floor.enter(record.partition());
    tokio::time::sleep(Duration::from_millis(2)).await;
    floor.leave(record.partition());
    String::from_utf8(record.value().unwrap().to_vec()).unwrap()
}

/// Services come and go, with so many others there all the while, while records are written.
async fn churn(with: impl Fn(Kafka) -> Kafka, others: usize) {
    let Some(kafka) = kafka() else { return };
    let kafka = with(kafka);
    let (view, group, floor) = (View::shared(), unique("churn"), Floor::default());
    let source = topic(&kafka, "churn", PARTITIONS).await;
    let replies = topic(&kafka, "churn-replies", 1).await;
    let start = |member| {
        let floor = Floor { member, ..floor.clone() };
        let router = Router::new(group.clone())
            .subscribe(source.clone(), each(work).publish_to(replies.clone()));
        Service::start(&kafka, router.with_state(floor))
    };
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write(kafka.clone(), source.clone(), stop.clone()));

    let mut services: VecDeque<_> = (0..others).map(&start).collect();
    for member in others..others + ROUNDS {
        services.push_back(start(member));
        if member % 2 == 0 {
            until("it works", async || floor.has_seen(member)).await;
        } else {
            tokio::time::sleep(HASTE).await;
        }
        services.pop_front().unwrap().stop().await.unwrap();
    }
    stop.store(true, SeqCst);
    let written = writing.await.unwrap();
    let ends = view.ends(&source, PARTITIONS).await;
    until("all is done", async || view.committed(&group, &source, PARTITIONS).await == ends).await;
    for service in services {
        service.stop().await.unwrap();
    }

    let mut values = view.values(&replies).await;
    values.sort_unstable_by_key(|value| value.parse::<usize>().unwrap());
    println!("{written} records, {} hand-overs", floor.hand_overs());
    assert_eq!(values, (0..written).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(floor.overlaps.load(SeqCst), 0);
    assert!(floor.hand_overs() > ROUNDS / 2, "{:?}", floor.shifts);
}

/// Writes numbers until it is told to stop, and says how many.
async fn write(kafka: Kafka, topic: Arc<str>, stop: Arc<AtomicBool>) -> usize {
    let producer = kafka.producer().await.unwrap();
    let record = |number: usize| {
        let partition = i32::try_from(number).unwrap() % PARTITIONS;
        ProducerRecord::new(topic.clone()).partition(partition).value(number.to_string())
    };
    let mut written = 0;
    while !stop.load(SeqCst) {
        let sent = producer.send_all((written..written + 30).map(record).collect());
        tokio::time::timeout(STUCK, sent).await.expect("nothing is stuck").unwrap();
        written += 30;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    written
}
