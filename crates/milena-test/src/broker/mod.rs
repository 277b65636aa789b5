//! The broker of a test: the embedded one, or a real Kafka.

mod chosen;
mod real;

pub(crate) use self::chosen::Chosen;
pub(crate) use self::real::Real;

use milena_core::{
    error::Error,
    record::{Record, TopicPartition},
    reply::ProducerRecord,
    transport::{NewTopic, Transport},
};
use milena_memory::Memory;
use std::{fmt, sync::Arc, time::Duration};

/// How long to wait before a real broker is looked at again.
const AGAIN: Duration = Duration::from_millis(20);

/// The broker of a test.
#[derive(Clone)]
pub(crate) enum Broker {
    /// In this process.
    Embedded(Memory),
    /// Kafka, with names of the test's own.
    Real(Real),
}

impl Broker {
    pub(crate) fn transport(&self) -> Box<dyn Transport> {
        match self {
            Self::Embedded(memory) => Box::new(memory.clone()),
            Self::Real(real) => Box::new(real.isolated().clone()),
        }
    }

    /// All topics there are.
    pub(crate) fn topics(&self) -> Vec<Arc<str>> {
        match self {
            Self::Embedded(memory) => memory.topics(),
            Self::Real(real) => real.isolated().topics(),
        }
    }

    pub(crate) async fn create(&self, topics: Vec<NewTopic>) -> Result<(), Error> {
        self.transport().create_topics(topics).await.map(drop)
    }

    /// Publishes past the producers of the service, and returns when the broker has the records.
    pub(crate) async fn produce(&self, records: Vec<ProducerRecord>) -> Result<(), Error> {
        match self {
            Self::Embedded(memory) => {
                records.into_iter().try_for_each(|record| memory.produce(record).map(drop))
            }
            Self::Real(real) => real.produce(records).await,
        }
    }

    /// The records of a topic in the order in which they were published, as far as the broker knows it.
    pub(crate) fn records(&self, topic: &str) -> Vec<Record> {
        match self {
            Self::Embedded(memory) => memory.records(topic),
            Self::Real(real) => real.blocking(real.records(topic)),
        }
    }

    /// What the group has committed, over all partitions.
    pub(crate) fn committed(&self, group: &str, topic: &str) -> i64 {
        match self {
            Self::Embedded(memory) => {
                let partitions = 0..memory.partitions(topic);
                partitions.filter_map(|partition| memory.committed(group, topic, partition)).sum()
            }
            Self::Real(real) => real.blocking(real.committed(group, topic)),
        }
    }

    /// How many offsets of the topic the group is not done with.
    pub(crate) fn lag(&self, group: &str, topic: &str) -> i64 {
        match self {
            Self::Embedded(memory) => memory.lag(group, topic),
            Self::Real(real) => real.blocking(async {
                let places = real.places(topic).await;
                real.lags(Some(group), &places).await.iter().sum()
            }),
        }
    }

    /// Where these partitions end.
    pub(crate) async fn ends(&self, places: &[TopicPartition]) -> Vec<i64> {
        match self {
            Self::Embedded(memory) => {
                places.iter().map(|at| memory.end(&at.topic, at.partition)).collect()
            }
            Self::Real(real) => real.bounds(places).await.iter().map(|bounds| bounds.end).collect(),
        }
    }

    /// How many offsets of these partitions the group is not done with.
    pub(crate) async fn lags(&self, group: &str, places: &[TopicPartition]) -> Vec<i64> {
        match self {
            Self::Embedded(memory) => {
                let lag = |at: &TopicPartition| memory.lag_of(group, &at.topic, at.partition);
                places.iter().map(lag).collect()
            }
            Self::Real(real) => real.lags(Some(group), places).await,
        }
    }

    /// All partitions of a topic.
    pub(crate) async fn places(&self, topic: &str) -> Vec<TopicPartition> {
        match self {
            Self::Embedded(memory) => {
                let partitions = 0..memory.partitions(topic);
                partitions.map(|partition| TopicPartition::new(topic, partition)).collect()
            }
            Self::Real(real) => real.places(topic).await,
        }
    }

    /// Waits for the next change, counted from this call, or until it is time to look again.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + Send + use<> {
        let changed = match self {
            Self::Embedded(memory) => Some(memory.changed()),
            Self::Real(_) => None,
        };
        async {
            match changed {
                Some(changed) => changed.await,
                None => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(_) => f.write_str("the embedded broker"),
            Self::Real(real) => write!(f, "Kafka, with {:?}", real.isolated()),
        }
    }
}
