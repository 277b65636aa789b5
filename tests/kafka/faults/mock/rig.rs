use super::{
    super::service::{Service, until, valued, write},
    cluster::Mock,
    log::{Log, Seen, Tally},
};
use milena::{
    Record, Router, State, each,
    router::{RebalanceListener, on_lost},
};
use milena_rdkafka::Kafka;
use std::{sync::Arc, time::Duration};

pub(super) const PARTITIONS: i32 = 4;
/// The records of a partition.
pub(super) const EACH: i64 = 125;
/// All records.
pub(super) const ALL: usize = 500;

/// A mock cluster with a topic full of records, and the services that handle them.
pub(super) struct Rig {
    pub(super) mock: Mock,
    pub(super) kafka: Kafka,
    pub(super) source: Arc<str>,
    /// How long a call takes.
    pub(super) pace: Duration,
}

async fn note(record: Record, State((log, pace)): State<(Log, Duration)>) {
    log.call(&record);
    tokio::time::sleep(pace).await;
}

impl Rig {
    pub(super) async fn new(brokers: i32) -> Self {
        let mock = Mock::start(brokers);
        let kafka = mock.kafka();
        let source = mock.topic("source", PARTITIONS);
        let values: Vec<_> = (0..EACH).map(|it| it.to_string()).collect();
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        for partition in 0..PARTITIONS {
            write(&kafka, valued(&source, partition, &values)).await;
        }
        Self { mock, kafka, source, pace: Duration::from_millis(4) }
    }

    /// One whose members have short sessions: a member that joins under a new name is let in when the
    /// session of the old one is over.
    pub(super) async fn with_short_sessions() -> Self {
        let rig = Self::new(1).await;
        Self { kafka: rig.kafka.clone().session_timeout(Duration::from_secs(6)), ..rig }
    }

    /// A service that handles the records, and commits this often.
    pub(super) fn router(&self, commits: Duration) -> Router {
        let router = Router::new("group").subscribe(self.source.clone(), each(note));
        let router = router.commit_interval(commits).on_rebalance(self.losses());
        router.with_state((self.log().clone(), self.pace))
    }

    /// Notes what is lost.
    pub(super) fn losses(&self) -> impl RebalanceListener {
        let log = self.log().clone();
        on_lost(move |rebalance| {
            log.lost(&rebalance);
            async { Ok(()) }
        })
    }

    pub(super) fn start(&self, commits: Duration) -> Service {
        Service::start(&self.kafka, self.router(commits))
    }

    pub(super) fn log(&self) -> &Log {
        self.mock.log()
    }

    /// Waits until so many calls have begun.
    pub(super) async fn until_calls(&self, count: usize) {
        until(&format!("there are {count} calls"), async || self.log().calls() >= count).await;
    }

    /// Waits until something is committed.
    pub(super) async fn until_committed(&self) {
        let is_one = |seen: &Seen| matches!(seen, Seen::Commit(..));
        until("something is committed", async || self.log().count(is_one) > 0).await;
    }

    /// Waits until something is committed that was committed already.
    pub(super) async fn until_twice(&self) {
        until("something is committed twice", async || self.log().twice() > 0).await;
    }

    /// Waits until all that there is is committed, and says what came of it: nothing is lost.
    pub(super) async fn until_done(&self) -> Tally {
        until("all is committed", async || self.is_done()).await;
        self.tally()
    }

    /// What came of all records, none of which is lost.
    pub(super) fn tally(&self) -> Tally {
        let tally = self.log().tally();
        assert!(self.is_done(), "{tally:?}");
        assert_eq!(tally.records, ALL, "{tally:?}");
        tally
    }

    fn is_done(&self) -> bool {
        let committed = self.log().tally().committed;
        committed.len() == 4 && committed.values().all(|offset| *offset == EACH)
    }
}
