use super::{
    service::{Service, until, valued, write},
    view::View,
};
use crate::kit::{kafka, topic, unique};
use milena::{
    Record, Router, State, each,
    extract::Cancellation,
    router::{Rebalance, on_assigned},
    serve::{Incident, Incidents},
};
use milena_core::{TopicPartition, error::BoxError};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// What happened to records: who began, ended, or was told that it is over.
#[derive(Clone, Default)]
struct Story(Arc<Mutex<Vec<(Instant, String)>>>);

impl Story {
    fn tell(&self, line: String) {
        self.0.lock().unwrap().push((Instant::now(), line));
    }

    fn at(&self, line: &str) -> Option<Instant> {
        self.0.lock().unwrap().iter().find(|(_, told)| told == line).map(|(at, _)| *at)
    }

    fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|(_, told)| told.contains(what)).count()
    }
}

/// A member whose calls take so long, and who says what it does.
#[derive(Clone)]
struct Member {
    name: &'static str,
    takes: Duration,
    story: Story,
}

async fn take_long(record: Record, cancellation: Cancellation, State(member): State<Member>) {
    let Member { name, takes, story } = member;
    let at = format!("{}/{}", record.partition(), record.offset());
    story.tell(format!("{name} begins {at}"));
    let end = tokio::time::sleep(takes);
    tokio::pin!(end);
    tokio::select! {
        () = &mut end => {}
        () = cancellation.cancelled() => {
            story.tell(format!("{name} is cancelled {at}"));
            end.await;
        }
    }
    story.tell(format!("{name} ends {at}"));
}

fn router(group: &Arc<str>, source: &Arc<str>, drain: Duration, member: &Member) -> Router {
    let (story, name) = (member.story.clone(), member.name);
    let tell = on_assigned(move |rebalance: Rebalance| {
        let story = story.clone();
        async move {
            for at in rebalance.partitions() {
                story.tell(format!("{name} has {}", at.partition));
            }
            Ok::<_, BoxError>(())
        }
    });
    Router::new(group.clone())
        .subscribe(source.clone(), each(take_long))
        .on_rebalance(tell)
        .drain_timeout(drain)
        .with_state(member.clone())
}

fn protocols(kafka: &Kafka) -> [(&'static str, Kafka); 3] {
    let classic = kafka.clone().set("heartbeat.interval.ms", "300");
    [
        ("cooperative-sticky", classic.clone()),
        ("range", classic.set("partition.assignment.strategy", "range")),
        ("consumer", kafka.clone().group_protocol(GroupProtocol::Consumer)),
    ]
}

/// The partition that the second member got, when it has one.
async fn moved(story: &Story) -> i32 {
    let partition = |story: &Story| (0..2).find(|it| story.at(&format!("two has {it}")).is_some());
    until("the second has a partition", async || partition(story).is_some()).await;
    partition(story).unwrap()
}

#[tokio::test]
async fn calls_that_end_within_the_drain_keep_order_and_are_not_repeated() {
    let Some(kafka) = kafka() else { return };
    for (name, kafka) in protocols(&kafka) {
        let (view, source) = (View::shared(), topic(&kafka, "drain", 2).await);
        let (group, story) = (unique("drain"), Story::default());
        let member = |name| Member { name, takes: Duration::from_secs(2), story: story.clone() };
        let drain = Duration::from_secs(10);
        write(&kafka, valued(&source, 0, &["1", "2"])).await;
        write(&kafka, valued(&source, 1, &["1", "2"])).await;
        let one = Service::start(&kafka, router(&group, &source, drain, &member("one")));
        until("both run", async || story.count("one begins") == 2).await;
        let two = Service::start(&kafka, router(&group, &source, drain, &member("two")));
        let partition = moved(&story).await;
        let done = [Some(2), Some(2)];
        until("all is done", async || view.committed(&group, &source, 2).await == done).await;
        one.stop().await.unwrap();
        two.stop().await.unwrap();

        let has = story.at(&format!("two has {partition}")).unwrap();
        let ended = (0..2).filter_map(|it| story.at(&format!("one ends {partition}/{it}")));
        assert!(ended.max().unwrap() <= has, "{name}: {:?}", story.0);
        assert_eq!((story.count("begins"), story.count("ends")), (4, 4), "{name}: {:?}", story.0);
        assert_eq!(story.count("cancelled"), 0);
        println!("{name}: a call of 2 s ended before partition {partition} changed hands");
    }
}

#[tokio::test]
async fn a_call_that_outlasts_the_drain_is_cancelled_dropped_and_told_of() {
    let Some(kafka) = kafka() else { return };
    for (name, kafka) in protocols(&kafka) {
        let (view, source) = (View::shared(), topic(&kafka, "late", 2).await);
        let (group, story) = (unique("late"), Story::default());
        let member =
            |name, secs| Member { name, takes: Duration::from_secs(secs), story: story.clone() };
        let drain = Duration::from_secs(1);
        write(&kafka, valued(&source, 0, &["1"])).await;
        write(&kafka, valued(&source, 1, &["1"])).await;
        let (one, control) =
            Service::start_with_control(&kafka, router(&group, &source, drain, &member("one", 12)));
        let mut incidents = control.incidents();
        until("both run", async || story.count("one begins") == 2).await;
        let two = Service::start(&kafka, router(&group, &source, drain, &member("two", 0)));
        let partition = moved(&story).await;
        let again = format!("two ends {partition}/0");
        until("the second has called again", async || story.at(&again).is_some()).await;
        until("the first has ended", async || story.count("one ends") == 2).await;
        let done = [Some(1), Some(1)];
        until("all is done", async || view.committed(&group, &source, 2).await == done).await;

        let overlap = next_overlap(&mut incidents, partition).await;
        one.stop().await.unwrap();
        two.stop().await.unwrap();
        assert_eq!(overlap, (TopicPartition::new(source.clone(), partition), 0), "{name}");
        let cancelled = story.at(&format!("one is cancelled {partition}/0")).unwrap();
        assert!(cancelled < story.at(&format!("one ends {partition}/0")).unwrap());
        println!("{name}: {}/{} was called twice, and told so", overlap.0, overlap.1);
    }
}

/// The next overlap in this partition: the other one may have gone for a moment, too.
async fn next_overlap(incidents: &mut Incidents, of: i32) -> (TopicPartition, i64) {
    let looking = async {
        loop {
            match incidents.next().await {
                Some(Incident::Overlap { partition, offset }) if partition.partition == of => {
                    return (partition, offset);
                }
                Some(_) => {}
                None => panic!("it was not told"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), looking).await.expect("it is told")
}
