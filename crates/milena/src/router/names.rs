//! What topics can be called.

/// What Kafka's `Topic.validate` asks of a name.
pub(super) fn is_possible(topic: &str) -> bool {
    (1..=249).contains(&topic.len()) && topic.chars().all(is_legal) && !matches!(topic, "." | "..")
}

#[track_caller]
pub(crate) fn check(topic: &str) {
    assert!(is_possible(topic), "{}", refused(topic));
}

pub(super) fn refused(topic: &str) -> String {
    format!(
        "no topic can be called `{topic}`: a name has 1 to 249 letters, digits, `.`, `_` and `-`"
    )
}

#[track_caller]
pub(super) fn check_prefix(prefix: &str) {
    assert!(
        prefix.len() < 249 && prefix.chars().all(is_legal),
        "no topic can be called `{prefix}...`: a prefix has up to 248 letters, digits, `.`, `_` and `-`"
    );
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}
