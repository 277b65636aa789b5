//! The leader of a partition moves while its broker lives, or there is none for a while.

use super::{
    super::service::{Service, until, valued, write},
    cluster::Mock,
    log::{Log, Seen},
};
use milena::{Record, Router, State, each};
use milena_rdkafka::Kafka;
use rdkafka::types::RDKafkaApiKey::{Fetch, Produce};
use std::{sync::Arc, time::Duration};

const PARTITIONS: i32 = 2;
/// The records of a round in each partition.
const ROUND: i64 = 40;

/// How long there is no leader: `MILENA_ACCEPTANCE=1` is longer.
fn leaderless() -> Duration {
    let long = std::env::var_os("MILENA_ACCEPTANCE").is_some_and(|value| value == "1");
    Duration::from_secs(if long { 10 } else { 3 })
}

async fn copy(record: Record, State(log): State<Log>) -> String {
    log.call(&record);
    tokio::time::sleep(Duration::from_millis(4)).await;
    format!("{}/{}", record.partition(), record.offset())
}

/// A service that copies what it reads to a topic of one partition.
struct Led {
    mock: Mock,
    kafka: Kafka,
    source: Arc<str>,
    service: Service,
}

impl Led {
    fn start() -> Self {
        let mock = Mock::start(3);
        // Later versions tell who leads, for which the mock takes a leader that is not there.
        for (api, version) in [(Produce, 9), (Fetch, 11)] {
            mock.cluster().apiversion(api, None, Some(version)).unwrap();
        }
        let (kafka, source) = (mock.kafka(), mock.topic("source", PARTITIONS));
        mock.topic("copies", 1);
        let router = Router::new("group")
            .subscribe(source.clone(), each(copy).publish_to("copies"))
            .commit_interval(Duration::from_millis(50))
            .with_state(mock.log().clone());
        let service = Service::start(&kafka, router);
        Self { mock, kafka, source, service }
    }

    /// Has this broker lead, or none.
    fn lead(&self, topic: &str, partition: i32, broker: Option<i32>) {
        self.mock.cluster().partition_leader(topic, partition, broker).unwrap();
    }

    async fn write(&self, partition: i32) {
        write(&self.kafka, valued(&self.source, partition, &["x"; ROUND as usize])).await;
    }

    fn calls_of(&self, partition: i32) -> usize {
        self.mock.log().count(|seen| matches!(seen, Seen::Call(of, _) if *of == partition))
    }

    fn commits(&self) -> usize {
        self.mock.log().count(|seen| matches!(seen, Seen::Commit(..)))
    }

    fn copies(&self) -> usize {
        self.mock.log().count(|seen| matches!(seen, Seen::Append(topic) if topic == "copies"))
    }

    async fn until_calls_of(&self, partition: i32, count: i64) {
        let count = usize::try_from(count).unwrap();
        let what = format!("there are {count} calls for {partition}");
        until(&what, async || self.calls_of(partition) >= count).await;
    }

    /// Waits until all of so many records of each partition is committed, and looks at the copies: each is
    /// there once, and in order.
    async fn finish(self, each: i64) {
        let all = |committed: &std::collections::BTreeMap<i32, i64>| {
            committed.len() == 2 && committed.values().all(|offset| *offset == each)
        };
        until("all is committed", async || all(&self.mock.log().tally().committed)).await;
        self.service.stop().await.unwrap();
        let copies = self.mock.view().values("copies").await;
        for partition in 0..PARTITIONS {
            let begin = format!("{partition}/");
            let of: Vec<_> = copies.iter().filter_map(|it| it.strip_prefix(&begin)).collect();
            let expected: Vec<_> = (0..each).map(|offset| offset.to_string()).collect();
            assert_eq!(of, expected);
        }
        println!(
            "F17 mock: {} records, lost 0, again {}",
            copies.len(),
            self.mock.log().tally().again
        );
    }
}

/// What a round writes is read from the leader of then, and half of it is not answered yet when that moves.
#[tokio::test]
async fn leaders_that_move_while_their_brokers_live_cost_nothing_and_keep_the_order() {
    let led = Led::start();
    let mut rounds = 0;
    for broker in [1, 2, 3, 1, 3, 2, 1] {
        for partition in 0..PARTITIONS {
            led.lead(&led.source, partition, Some(broker));
        }
        led.lead("copies", 0, Some(broker % 3 + 1));
        led.write(0).await;
        led.write(1).await;
        rounds += 1;
        led.until_calls_of(0, rounds * ROUND - ROUND / 2).await;
    }

    led.finish(rounds * ROUND).await;
    println!("fired: {} moves of leaders while calls were made;", 3 * (rounds - 1));
}

#[tokio::test]
async fn replies_without_a_leader_wait_for_one_and_so_do_their_commits() {
    let led = Led::start();
    led.write(0).await;
    led.until_calls_of(0, ROUND).await;
    until("there are commits", async || led.mock.log().tally().committed.get(&0) == Some(&ROUND))
        .await;
    led.lead("copies", 0, None);
    let before = (led.copies(), led.commits());
    led.write(0).await;
    led.write(1).await;
    led.until_calls_of(0, ROUND + 1).await;
    led.until_calls_of(1, 1).await;
    tokio::time::sleep(leaderless()).await;
    assert_eq!((led.copies(), led.commits()), before, "nothing is committed before its reply");
    led.lead("copies", 0, Some(2));
    led.write(1).await;

    led.finish(2 * ROUND).await;
    println!("fired: no leader of the replies for {:?};", leaderless());
}

#[tokio::test]
async fn a_partition_without_a_leader_waits_for_one_and_holds_up_no_other() {
    let led = Led::start();
    led.write(0).await;
    led.write(1).await;
    led.until_calls_of(0, ROUND).await;
    led.lead(&led.source, 0, None);
    led.write(1).await;
    led.until_calls_of(1, 2 * ROUND).await;
    tokio::time::sleep(leaderless()).await;
    led.write(1).await;
    led.until_calls_of(1, 3 * ROUND).await;
    assert_eq!(led.calls_of(0), usize::try_from(ROUND).unwrap());
    led.lead(&led.source, 0, Some(3));
    led.write(0).await;
    led.write(0).await;

    led.finish(3 * ROUND).await;
    println!("fired: no leader of a partition for {:?};", leaderless());
}
