use super::member::{Member, key};
use crate::kit::{fill, kafka, topic, unique};
use milena_core::{TopicPartition, error::ErrorKind, transport::Event};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

#[tokio::test]
async fn a_committed_offset_is_where_the_next_member_begins() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "committed", 1).await;
    fill(&kafka, &topic, 1, 0..10).await;
    let group = unique("committed");
    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.read.len() == 10).await;
    one.consumer.commit(vec![(TopicPartition::new(topic.clone(), 0), 7)]);
    while !matches!(one.event().await, Event::Committed(Ok(()))) {}
    one.close(Duration::from_secs(10)).await;

    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    two.until(|two| two.read.len() == 3).await;

    assert_eq!(two.sorted(), [(0, 7), (0, 8), (0, 9)]);
}

#[tokio::test]
async fn what_is_not_owned_is_not_committed() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "foreign", 1).await;
    fill(&kafka, &topic, 1, 0..10).await;
    let group = unique("foreign");
    let mut one = Member::join(&kafka, &group, &[&topic]).await;

    // It is told of the partition, and has not answered: nothing of it can be done yet.
    let Event::Assigned(partitions) = one.event().await else { panic!("not assigned") };
    one.consumer.commit(vec![(TopicPartition::new(topic.clone(), 0), 5)]);
    let Event::Committed(Err(error)) = one.event().await else { panic!("committed") };
    assert_eq!(error.kind(), ErrorKind::Fenced);
    one.assign(partitions);
    one.until(|one| one.read.len() == 10).await;

    assert_eq!(one.sorted()[0], (0, 0));
}

#[tokio::test]
async fn a_second_commit_is_refused_while_one_is_on_its_way() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "two", 1).await;
    fill(&kafka, &topic, 1, 0..10).await;
    let mut one = Member::join(&kafka, &unique("two"), &[&topic]).await;
    one.until(|one| one.read.len() == 10).await;
    let at = TopicPartition::new(topic.clone(), 0);

    one.consumer.commit(vec![(at.clone(), 1)]);
    one.consumer.commit(vec![(at.clone(), 2)]);
    let Event::Committed(Err(refused)) = one.event().await else { panic!("committed") };
    let Event::Committed(Ok(())) = one.event().await else { panic!("refused") };

    assert_eq!(refused.kind(), ErrorKind::Driver);
}

#[tokio::test]
async fn a_member_that_the_group_went_on_without_loses_everything() {
    let Some(kafka) = kafka() else { return };
    // The second member of this name takes the place of the first.
    // It hears of that from the next heartbeat, and earlier from the answer to a commit.
    let kafka = kafka.instance_id("twin").set("heartbeat.interval.ms", "15000");
    let topic = topic(&kafka, "fenced", 2).await;
    fill(&kafka, &topic, 2, 0..10).await;
    let group = unique("fenced");
    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    one.until(|one| one.read.len() == 20).await;
    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    two.until(|two| two.owned.len() == 2).await;

    one.commit();
    // The next heartbeat tells it, too, so these come in any order.
    let (mut refused, mut lost, mut failed) = (None, None, None);
    while refused.is_none() || lost.is_none() || failed.is_none() {
        match one.event().await {
            Event::Committed(result) => refused = Some(result.unwrap_err()),
            Event::Lost(partitions) => lost = Some(partitions),
            Event::Failed(error) => failed = Some(error),
            event => println!("{event:?}"),
        }
    }
    let lost = lost.unwrap();
    one.consumer.commit(lost.iter().map(|at| (at.clone(), 10)).collect());
    let again = loop {
        match one.event().await {
            Event::Committed(result) => break result.unwrap_err(),
            event => println!("{event:?}"),
        }
    };
    let closed = one.close(Duration::from_secs(10)).await;
    println!("{refused:?}, then {again:?}, {failed:?}, closed in {closed:?}");

    assert_eq!(failed.unwrap().kind(), ErrorKind::Fenced);
    assert_eq!(again.kind(), ErrorKind::Fenced);
    assert_eq!(lost.len(), 2);
    assert!(closed < Duration::from_secs(2), "{closed:?}");
}

/// The marker of a transaction has an offset, and is no record.
#[tokio::test]
async fn markers_of_transactions_are_told_as_a_position() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "markers", 2).await;
    let group = unique("markers");
    let sent = topic.clone();
    tokio::task::spawn_blocking(move || transactions(&sent)).await.unwrap();

    let mut one = Member::join(&kafka, &group, &[&topic]).await;
    let end = |member: &Member, partition: i32| {
        member.owned.get(&(topic.clone(), partition)).and_then(|at| at.1)
    };
    // Partition 0: 5 records and a marker, 5 that were taken back and a marker. Partition 1: only the latter.
    one.until(|one| end(one, 0) == Some(12) && end(one, 1) == Some(6)).await;
    one.run_for(Duration::from_millis(500)).await;
    assert_eq!(one.sorted(), (0..5).map(|offset| (0, offset)).collect::<Vec<_>>());
    assert_eq!(one.stale, 0);
    one.commit();
    one.until(|one| !one.is_committing()).await;
    one.close(Duration::from_secs(10)).await;

    // A marker behind the committed offset is told to the next member, too.
    let mut two = Member::join(&kafka, &group, &[&topic]).await;
    two.until(|two| two.owned.len() == 2).await;
    let sent = topic.clone();
    tokio::task::spawn_blocking(move || transactions(&sent)).await.unwrap();
    two.until(|two| end(two, 0) == Some(24) && end(two, 1) == Some(12)).await;
    assert_eq!(two.sorted(), (12..17).map(|offset| (0, offset)).collect::<Vec<_>>());
}

fn transactions(topic: &Arc<str>) {
    let within = Duration::from_secs(30);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", std::env::var("KAFKA_BROKERS").unwrap());
    let producer: BaseProducer = config.set("transactional.id", &*unique("id")).create().unwrap();
    let send = |partition| {
        for _ in 0..5 {
            producer
                .send(BaseRecord::<(), str>::to(topic).partition(partition).payload("x"))
                .unwrap();
        }
        producer.flush(within).unwrap();
    };
    producer.init_transactions(within).unwrap();
    producer.begin_transaction().unwrap();
    send(0);
    producer.commit_transaction(within).unwrap();
    producer.begin_transaction().unwrap();
    send(0);
    send(1);
    // Aborting wants somebody to poll.
    std::thread::scope(|scope| {
        let abort = scope.spawn(|| producer.abort_transaction(within));
        while !abort.is_finished() {
            producer.poll(Duration::from_millis(10));
        }
        abort.join().unwrap().unwrap();
    });
}

#[tokio::test]
async fn an_idle_consumer_answers_at_once_and_costs_little() {
    let Some(kafka) = kafka() else { return };
    let topic = topic(&kafka, "idle", 6).await;
    fill(&kafka, &topic, 6, 0..1).await;
    let mut one = Member::join(&kafka, &unique("idle"), &[&topic]).await;
    one.until(|one| one.read.len() == 6).await;
    one.run_for(Duration::from_millis(500)).await;

    let mut took = Vec::new();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let start = Instant::now();
        one.commit();
        one.until(|one| !one.is_committing()).await;
        took.push(start.elapsed());
    }
    took.sort_unstable();
    let mut arrived = Vec::new();
    for number in 1..21 {
        let before = one.read.len();
        fill(&kafka, &topic, 1, number..number + 1).await;
        let start = Instant::now();
        one.until(|one| one.read.len() > before).await;
        arrived.push(start.elapsed());
    }
    arrived.sort_unstable();
    println!("a commit took {:?}, at most {:?}", took[10], took[19]);
    println!("a record came {:?} after its receipt, at most {:?}", arrived[10], arrived[19]);
    assert!(took[10] < Duration::from_millis(20), "{took:?}");
    assert!(arrived[10] < Duration::from_millis(20), "{arrived:?}");
    assert_eq!(one.owned.keys().next(), Some(&key(&TopicPartition::new(topic, 0))));
}
