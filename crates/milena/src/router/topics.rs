use crate::subscriber::{DeadLetters, Failing, Policy};
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
    fn all_names(&self) -> Vec<Arc<str>> {
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

    /// The same, if topics can have such names and they go together with the policy.
    #[track_caller]
    pub(super) fn checked(self, policy: &Policy) -> Self {
        match &self.0 {
            Selection::Topics { names, patterns } => {
                assert!(
                    !names.is_empty() || !patterns.is_empty(),
                    "a subscription has at least one topic"
                );
                for (i, topic) in names.iter().enumerate() {
                    let twice = names[..i].contains(topic);
                    assert!(!twice, "topic `{topic}` is named twice in one subscription");
                    check_name(topic);
                }
            }
            Selection::Partitions(partitions) => check_partitions(partitions),
        }
        if let Failing::DeadLetter(letters) = &policy.failing {
            check_dead_letters(letters, &self);
        }
        self
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
        check_name(&at.topic);
    }
}

/// Dead letters must have topics, which their subscription must not take itself. Which dead letters a
/// pattern takes is not known yet: they are [left out](DeadLetters::go_to) when it is.
#[track_caller]
fn check_dead_letters(letters: &DeadLetters, topics: &Topics) {
    let named = topics.all_names();
    let takes = |dead: &Arc<str>| match letters {
        DeadLetters::BesideEach => named.contains(dead),
        DeadLetters::To(_) => topics.0.takes(dead),
    };
    let to = match letters {
        DeadLetters::BesideEach => named.iter().map(|topic| letters.of(topic)).collect(),
        DeadLetters::To(dead) => vec![dead.clone()],
    };
    for dead in to {
        check_name(&dead);
        assert!(
            !takes(&dead),
            "dead letters would come back to their subscription, which takes topic `{dead}`"
        );
    }
}

/// What Kafka's `Topic.validate` asks of a name.
#[track_caller]
fn check_name(topic: &str) {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let possible = (1..=249).contains(&topic.len())
        && topic.chars().all(legal)
        && topic != "."
        && topic != "..";
    assert!(
        possible,
        "no topic can be called `{topic}`: a name has 1 to 249 letters, digits, `.`, `_` and `-`"
    );
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
