use crate::error::{Error, ErrorKind};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A topic to create.
///
/// ```
/// use milena_core::transport::NewTopic;
/// use std::time::Duration;
///
/// let topic = NewTopic::new("orders").partitions(12).replication(3).retention(Duration::from_hours(24 * 7));
/// assert_eq!(topic.config["retention.ms"], "604800000");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NewTopic {
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions it has; `None` is the broker's default.
    pub partitions: Option<i32>,
    /// How many replicas each has; `None` is the broker's default.
    pub replication: Option<i32>,
    /// Its configuration, by the names that Kafka has for it.
    pub config: BTreeMap<String, String>,
}

/// What became of a topic that was to be created.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Creation {
    /// It was created.
    Created,
    /// It exists, and is as it was asked for.
    Existed,
    /// It exists and is another: what differs, for a person to read. It stays as it is.
    Differs(String),
}

/// A topic as the broker has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TopicDescription {
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many replicas its partitions have.
    pub replication: i32,
}

impl NewTopic {
    /// A topic with the broker's defaults.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), partitions: None, replication: None, config: BTreeMap::new() }
    }

    /// With this many partitions.
    #[must_use]
    pub fn partitions(self, partitions: i32) -> Self {
        Self { partitions: Some(partitions), ..self }
    }

    /// With this many replicas of each partition.
    #[must_use]
    pub fn replication(self, replicas: i32) -> Self {
        Self { replication: Some(replicas), ..self }
    }

    /// Keeps records for this long (`retention.ms`).
    #[must_use]
    pub fn retention(self, time: Duration) -> Self {
        self.config("retention.ms", time.as_millis().to_string())
    }

    /// Keeps the newest record of each key (`cleanup.policy=compact`), beside what else is kept.
    #[must_use]
    pub fn compacted(self) -> Self {
        self.cleanup("compact")
    }

    /// Deletes what is older than the retention (`cleanup.policy=delete`); with
    /// [`compacted`](Self::compacted) both.
    #[must_use]
    pub fn deleting(self) -> Self {
        self.cleanup("delete")
    }

    /// With this option of Kafka's topic configuration; of two values the later one counts.
    #[must_use]
    pub fn config(mut self, option: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.insert(option.into(), value.into());
        self
    }

    /// Whether a topic can be called so, and have so many partitions and replicas.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when it cannot.
    pub fn validate(&self) -> Result<(), Error> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let named = (1..=249).contains(&self.name.len())
            && self.name.chars().all(legal)
            && !matches!(&*self.name, "." | "..");
        let why = if !named {
            "a name has 1 to 249 letters, digits, `.`, `_` and `-`".into()
        } else if let Some(partitions) = self.partitions.filter(|count| *count < 1) {
            format!("a topic has at least one partition, not {partitions}")
        } else if let Some(replicas) = self.replication.filter(|count| *count < 1) {
            format!("a partition has at least one replica, not {replicas}")
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Config, format!("could not use topic `{}`: {why}", self.name)))
    }

    fn cleanup(self, policy: &str) -> Self {
        let mut policies: Vec<String> = self
            .config
            .get("cleanup.policy")
            .map(|policies| policies.split(',').map(str::to_owned).collect())
            .unwrap_or_default();
        policies.push(policy.to_owned());
        policies.sort();
        policies.dedup();
        self.config("cleanup.policy", policies.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_can_be_compacted_and_deleted_from() {
        let policy = |topic: NewTopic| topic.config["cleanup.policy"].clone();

        assert_eq!(policy(NewTopic::new("t").compacted()), "compact");
        assert_eq!(policy(NewTopic::new("t").deleting().compacted()), "compact,delete");
    }

    #[test]
    fn a_name_that_no_topic_has_is_refused() {
        let longest = "x".repeat(249);
        for name in ["a", "a.b_c-D9", &longest] {
            NewTopic::new(name).validate().unwrap();
        }
        for name in ["", ".", "..", "a b", "a/b", "\u{e4}", "^a", &"x".repeat(250)] {
            let error = NewTopic::new(name).validate().unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("could not use topic `{name}`: a name"))
            );
        }
    }

    #[test]
    fn a_topic_has_partitions_and_replicas() {
        assert!(NewTopic::new("t").partitions(0).validate().is_err());
        assert!(NewTopic::new("t").replication(-1).validate().is_err());
        NewTopic::new("t").partitions(1).replication(1).validate().unwrap();
    }
}
