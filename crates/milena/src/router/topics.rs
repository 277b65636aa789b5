use super::names;
use crate::subscriber::DeadLetters;
use milena_core::{
    record::TopicPartition,
    transport::{Pattern, Selection},
};
use std::sync::Arc;

/// The topics of a subscription: a name, an array or `Vec` of names, a pattern, or [`Partitions`].
#[derive(Clone, Debug, PartialEq)]
pub struct Topics(Selection);

impl Topics {
    /// The topics whose whole names match this regular expression, also those that are created later.
    ///
    /// `{name}` stands for a part of the name that is captured: a handler takes it as
    /// [`Path`](crate::extract::Path). Topics whose names begin with `__` are Kafka's own and are left out.
    ///
    /// ```
    /// use milena::{Router, each, router::Topics};
    ///
    /// # async fn keep() {}
    /// # let _: Router =
    /// Router::new("logs").subscribe(Topics::matching(r"logs\.{level}"), each(keep))
    /// # ;
    /// ```
    ///
    /// # Panics
    ///
    /// If it is no regular expression.
    #[track_caller]
    #[expect(clippy::panic, reason = "said at assembly, where a pattern is written once")]
    pub fn matching(pattern: impl Into<Arc<str>>) -> Self {
        match Pattern::new(pattern) {
            Ok(pattern) => Self(Selection::Topics { names: Vec::new(), patterns: vec![pattern] }),
            Err(error) => panic!("{error}"),
        }
    }

    /// The names, if it has names.
    pub fn names(&self) -> &[Arc<str>] {
        match &self.0 {
            Selection::Topics { names, .. } => names,
            Selection::Partitions(_) => &[],
        }
    }

    /// What is read for it.
    pub fn selection(&self) -> &Selection {
        &self.0
    }

    /// The topics that are named, also those of partitions.
    pub(super) fn all_names(&self) -> Vec<Arc<str>> {
        match &self.0 {
            Selection::Topics { names, .. } => names.clone(),
            Selection::Partitions(partitions) => {
                partitions.iter().map(|at| at.topic.clone()).collect()
            }
        }
    }

    /// Where the dead letters of a subscription to these go, patterns as they were written.
    pub(super) fn dead_letters(&self, letters: &DeadLetters) -> Vec<Arc<str>> {
        let patterns = match &self.0 {
            Selection::Topics { patterns, .. } => &patterns[..],
            Selection::Partitions(_) => &[],
        };
        let patterns = patterns.iter().map(|pattern| pattern.as_str().into());
        let mut to: Vec<_> =
            self.all_names().into_iter().chain(patterns).map(|topic| letters.of(&topic)).collect();
        to.dedup();
        to
    }

    /// A topic that both read, as far as that can be said before there are topics.
    pub(super) fn shared_with(&self, other: &Self) -> Option<String> {
        let named =
            |one: &Self, two: &Self| one.all_names().into_iter().find(|name| two.0.takes(name));
        named(self, other).or_else(|| named(other, self)).map(|topic| topic.to_string())
    }

    /// Whether topics can have such names, as far as that can be said without the prefixes of routers.
    #[track_caller]
    pub(super) fn check(&self) {
        match &self.0 {
            Selection::Topics { names, patterns } => {
                assert!(
                    !names.is_empty() || !patterns.is_empty(),
                    "a subscription has at least one topic"
                );
                for (i, topic) in names.iter().enumerate() {
                    let twice = names[..i].contains(topic);
                    assert!(!twice, "topic `{topic}` is named twice in one subscription");
                    names::check(topic);
                }
            }
            Selection::Partitions(partitions) => check_partitions(partitions),
        }
    }

    /// The same topics, with this before their names.
    pub(super) fn prefixed(&self, prefix: &str) -> Self {
        let name = |topic: &Arc<str>| Arc::<str>::from(format!("{prefix}{topic}"));
        Self(match &self.0 {
            Selection::Topics { names, patterns } => Selection::Topics {
                names: names.iter().map(name).collect(),
                patterns: patterns.iter().map(|it| it.clone().prefixed(prefix)).collect(),
            },
            Selection::Partitions(partitions) => Selection::Partitions(
                partitions
                    .iter()
                    .map(|it| TopicPartition::new(name(&it.topic), it.partition))
                    .collect(),
            ),
        })
    }

    pub(super) fn has_patterns(&self) -> bool {
        matches!(&self.0, Selection::Topics { patterns, .. } if !patterns.is_empty())
    }

    /// Whether a subscription would take its own dead letters, which go to topic `dead`. Which of them a
    /// pattern takes is not known yet: they are [left out](DeadLetters::go_to) when it is.
    pub(super) fn takes_back(&self, letters: &DeadLetters, dead: &Arc<str>) -> bool {
        match letters {
            DeadLetters::BesideEach => self.all_names().contains(dead),
            DeadLetters::To(_) => self.0.takes(dead),
        }
    }
}

#[track_caller]
fn check_partitions(partitions: &[TopicPartition]) {
    assert!(!partitions.is_empty(), "a subscription has at least one partition");
    for (i, at) in partitions.iter().enumerate() {
        assert!(
            !partitions[..i].contains(at),
            "partition `{at}` is named twice in one subscription"
        );
        assert!(at.partition >= 0, "there is no partition `{at}`: they count from 0");
        names::check(&at.topic);
    }
}

/// Certain partitions of topics, which are read whatever the other members of the group read.
///
/// ```
/// use milena::{Router, each, router::Partitions};
///
/// # async fn bill() {}
/// # let _: Router =
/// Router::new("billing").subscribe(Partitions::of("orders", [0, 2]), each(bill))
/// # ;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Partitions(Vec<TopicPartition>);

impl Partitions {
    /// These partitions of this topic.
    pub fn of(topic: impl Into<Arc<str>>, partitions: impl IntoIterator<Item = i32>) -> Self {
        Self(Vec::new()).and(topic, partitions)
    }

    /// And these of that topic.
    #[must_use]
    pub fn and(
        mut self,
        topic: impl Into<Arc<str>>,
        partitions: impl IntoIterator<Item = i32>,
    ) -> Self {
        let topic = topic.into();
        let at = |partition| TopicPartition::new(topic.clone(), partition);
        self.0.extend(partitions.into_iter().map(at));
        self
    }
}

impl From<Partitions> for Topics {
    fn from(partitions: Partitions) -> Self {
        Self(Selection::Partitions(partitions.0))
    }
}

impl From<&str> for Topics {
    fn from(topic: &str) -> Self {
        Self(Selection::topics([topic]))
    }
}

impl From<String> for Topics {
    fn from(topic: String) -> Self {
        Self(Selection::topics([topic]))
    }
}

impl From<Arc<str>> for Topics {
    fn from(topic: Arc<str>) -> Self {
        Self(Selection::topics([topic]))
    }
}

impl<T: Into<Arc<str>>, const N: usize> From<[T; N]> for Topics {
    fn from(topics: [T; N]) -> Self {
        Self(Selection::topics(topics))
    }
}

impl<T: Into<Arc<str>>> From<Vec<T>> for Topics {
    fn from(topics: Vec<T>) -> Self {
        Self(Selection::topics(topics))
    }
}

impl<T: Clone + Into<Arc<str>>> From<&[T]> for Topics {
    fn from(topics: &[T]) -> Self {
        topics.to_vec().into()
    }
}
