use crate::conformance::member::Member;
use milena_core::{
    Error,
    record::TopicPartition,
    reply::ProducerRecord,
    transport::{
        BoxFuture, Consumer, Delivered, Membership, NewTopic, Producer, StartAt, Transport,
    },
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::task::JoinHandle;

/// A driver under test, with what the suite needs to know of it.
pub struct Fixture {
    transport: Arc<dyn Transport>,
    pub(super) guarantees: Guarantees,
    hole: Option<Hole>,
    hold: Option<(Hook, Hook)>,
}

type Hole = Box<dyn Fn(TopicPartition) -> BoxFuture<'static, ()> + Send + Sync>;
type Hook = Box<dyn Fn() + Send + Sync>;

/// What a driver promises, and how long its promises take.
///
/// ```
/// # use milena_test::conformance::Guarantees;
/// let kafka = Guarantees { max_record_bytes: Some(1_000_000), ..Guarantees::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Guarantees {
    /// How long anything may take before it counts as broken; 30 seconds by default.
    pub patience: Duration,
    /// How long to look whether something happens that must not; a second by default.
    pub moment: Duration,
    /// A record of more bytes than this is too large, and one of half as many is not; `None` tests neither.
    pub max_record_bytes: Option<usize>,
    /// A producer that waits for this many answers has no room; `None` does not test it.
    pub room: Option<usize>,
    /// Whether it is an error to write or subscribe to a topic that does not exist.
    pub refuses_unknown_topics: bool,
    /// Whether a commit for a partition that is another member's is refused.
    pub refuses_commits_of_others: bool,
    /// Whether a consumer that is dropped without being closed leaves its group at once.
    pub leaves_when_dropped: bool,
    /// Whether a rebalance leaves members what nobody else gets; else it takes everything from everybody.
    pub rebalances_in_part: bool,
}

impl Default for Guarantees {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(30),
            moment: Duration::from_secs(1),
            max_record_bytes: None,
            room: None,
            refuses_unknown_topics: false,
            refuses_commits_of_others: false,
            leaves_when_dropped: false,
            rebalances_in_part: true,
        }
    }
}

impl Fixture {
    /// A driver that promises what every driver does.
    pub fn new(transport: impl Transport) -> Self {
        let guarantees = Guarantees::default();
        Self { transport: Arc::new(transport), guarantees, hole: None, hold: None }
    }

    /// With these promises.
    #[must_use]
    pub fn guarantees(self, guarantees: Guarantees) -> Self {
        Self { guarantees, ..self }
    }

    /// With a way to append at least one offset to a partition that holds no record, such as the
    /// marker of a transaction.
    #[must_use]
    pub fn hole(
        self,
        hole: impl Fn(TopicPartition) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        Self { hole: Some(Box::new(hole)), ..self }
    }

    /// With a way to keep the broker's answers to producers back, and to let them go again. Without
    /// it, the driver under test should take so long to answer that its producers run full.
    #[must_use]
    pub fn hold_deliveries(
        self,
        hold: impl Fn() + Send + Sync + 'static,
        release: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { hold: Some((Box::new(hold), Box::new(release))), ..self }
    }

    /// A name that nothing else has.
    pub(super) fn name(&self, what: &str) -> Arc<str> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let count = LAST.fetch_add(1, Ordering::Relaxed);
        format!("milena-{what}-{since:x}-{:x}-{count:x}", std::process::id()).into()
    }

    /// A new topic.
    pub(super) async fn topic(&self, partitions: i32) -> Arc<str> {
        let name = self.name("topic");
        self.create(NewTopic::new(name.clone()).partitions(partitions)).await;
        name
    }

    pub(super) async fn create(&self, topic: NewTopic) {
        let created = self.transport.create_topics(vec![topic]);
        self.done("the topic is created", created).await;
    }

    pub(super) async fn producer(&self) -> Arc<dyn Producer> {
        self.done("there is a producer", self.transport.producer()).await
    }

    /// Publishes the records and waits for the broker to have them.
    pub(super) async fn send(&self, records: Vec<ProducerRecord>) -> Vec<Delivered> {
        let producer = self.producer().await;
        let sent = async { Ok(producer.send_all(records).await?) };
        self.done("the records are delivered", sent).await
    }

    /// Publishes a record and says why that failed.
    pub(super) async fn refusal(&self, record: ProducerRecord) -> Error {
        let producer = self.producer().await;
        match self.within("the receipt comes back", producer.send_all(vec![record])).await {
            Ok(delivered) => panic!("the record was taken, at {delivered:?}"),
            Err(error) => error.into(),
        }
    }

    /// A member that begins to join.
    pub(super) async fn join(&self, group: &Arc<str>, topics: &[&Arc<str>]) -> Member {
        self.join_at(group, topics, StartAt::Earliest).await
    }

    pub(super) async fn join_at(
        &self,
        group: &Arc<str>,
        topics: &[&Arc<str>],
        start: StartAt,
    ) -> Member {
        Member::new(self.consumer(group, topics, start).await, &self.guarantees)
    }

    pub(super) async fn consumer(
        &self,
        group: &Arc<str>,
        topics: &[&Arc<str>],
        start: StartAt,
    ) -> Box<dyn Consumer> {
        let topics = topics.iter().map(|&topic| topic.clone());
        let membership = Membership { start, ..Membership::new(group.clone(), topics) };
        self.done("there is a consumer", self.transport.consumer(membership)).await
    }

    /// Makes a hole, or says that it cannot.
    pub(super) async fn make_hole(&self, place: TopicPartition) -> bool {
        let Some(hole) = &self.hole else { return false };
        self.within("there is a hole", hole(place)).await;
        true
    }

    /// Keeps answers back if that can be done, and says whether it can.
    pub(super) fn hold(&self) -> bool {
        self.hold.as_ref().map(|(hold, _)| hold()).is_some()
    }

    pub(super) fn release(&self) {
        if let Some((_, release)) = &self.hold {
            release();
        }
    }

    /// Waits for something that has to happen.
    pub(super) async fn within<T>(&self, what: &str, happens: impl Future<Output = T>) -> T {
        let patience = self.guarantees.patience;
        let result = tokio::time::timeout(patience, happens).await;
        result.unwrap_or_else(|_| panic!("waited {patience:?} in vain until {what}"))
    }

    /// Waits for a task, and panics as it does.
    pub(super) async fn joined<T>(&self, what: &str, task: JoinHandle<T>) -> T {
        match self.within(what, task).await {
            Ok(value) => value,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    async fn done<T>(&self, what: &str, call: impl Future<Output = Result<T, Error>>) -> T {
        let result = self.within(what, call).await;
        result.unwrap_or_else(|error| panic!("waited until {what}: {error:?}"))
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("guarantees", &self.guarantees).finish_non_exhaustive()
    }
}
