use crate::subscriber::{DeadLetters, Failing, Policy};
use std::sync::Arc;

/// The topics of a subscription: a name, or an array or `Vec` of names.
#[derive(Clone, Debug)]
pub struct Topics(Vec<Arc<str>>);

impl Topics {
    /// The names, if topics can have them and they go together with the policy.
    #[track_caller]
    pub(super) fn checked(self, policy: &Policy) -> Vec<Arc<str>> {
        assert!(!self.0.is_empty(), "a subscription has at least one topic");
        for (i, topic) in self.0.iter().enumerate() {
            assert!(
                !self.0[..i].contains(topic),
                "topic `{topic}` is named twice in one subscription"
            );
            check_name(topic);
        }
        if let Failing::DeadLetter(letters) = &policy.failing {
            check_dead_letters(letters, &self.0, |topic| self.0.iter().any(|it| **it == *topic));
        }
        self.0
    }
}

/// Dead letters must have topics, which the subscription of these topics must not take itself.
#[track_caller]
fn check_dead_letters(letters: &DeadLetters, topics: &[Arc<str>], takes: impl Fn(&str) -> bool) {
    for topic in topics {
        check_name(&letters.of(topic));
        assert!(
            !letters.go_to(topic, &takes),
            "dead letters would come back to their subscription, which takes topic `{topic}`"
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

impl From<&str> for Topics {
    fn from(topic: &str) -> Self {
        Self(vec![topic.into()])
    }
}

impl From<String> for Topics {
    fn from(topic: String) -> Self {
        Self(vec![topic.into()])
    }
}

impl From<Arc<str>> for Topics {
    fn from(topic: Arc<str>) -> Self {
        Self(vec![topic])
    }
}

impl<T: Into<Arc<str>>, const N: usize> From<[T; N]> for Topics {
    fn from(topics: [T; N]) -> Self {
        Self(topics.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Arc<str>>> From<Vec<T>> for Topics {
    fn from(topics: Vec<T>) -> Self {
        Self(topics.into_iter().map(Into::into).collect())
    }
}

impl<T: Clone + Into<Arc<str>>> From<&[T]> for Topics {
    fn from(topics: &[T]) -> Self {
        topics.to_vec().into()
    }
}
