use crate::conformance::{Fixture, member::Member};
use milena_core::{
    Error,
    reply::ProducerRecord,
    transport::{
        Consumer, Creation, Delivered, Membership, NewTopic, Producer, Selection, StartAt,
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// How a test gets at topics, producers and members.
impl Fixture {
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

    /// Creates a topic, and says what became of it.
    pub(super) async fn create(&self, topic: NewTopic) -> Creation {
        let created = self.transport.create_topics(vec![topic]);
        let mut created = self.done("the topic is created", created).await;
        assert_eq!(created.len(), 1, "one topic was to be created");
        created.remove(0)
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
        self.consumer_of(Membership { start, ..self.membership(group, topics) }).await
    }

    /// A membership with the configuration of every consumer.
    pub(super) fn membership(&self, group: &Arc<str>, topics: &[&Arc<str>]) -> Membership {
        let topics = topics.iter().map(|&topic| topic.clone());
        Membership { config: self.config.clone(), ..Membership::new(group.clone(), topics) }
    }

    /// The membership of a consumer that reads this, in a group or without one.
    pub(super) fn reads(&self, group: Option<&Arc<str>>, selection: Selection) -> Membership {
        let group = group.cloned();
        Membership { group, selection, ..self.membership(&"".into(), &[]) }
    }

    /// A member that begins to join with this.
    pub(super) async fn enter(&self, membership: Membership) -> Member {
        Member::new(self.consumer_of(membership).await, &self.guarantees)
    }

    async fn consumer_of(&self, membership: Membership) -> Box<dyn Consumer> {
        self.done("there is a consumer", self.transport.consumer(membership)).await
    }
}
