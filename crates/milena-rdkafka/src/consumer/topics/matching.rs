use milena_core::transport::Pattern;
use std::{collections::BTreeSet, sync::Arc};

/// Topics, and how many partitions they have.
pub(super) type Sizes = Vec<(Arc<str>, i32)>;

/// Topics that match a pattern.
pub(super) struct Matching {
    patterns: Vec<Pattern>,
    /// Whether topics of Kafka's own match, too.
    internal: bool,
    matched: BTreeSet<Arc<str>>,
    /// Whether all topics were listed since the patterns were selected.
    listed: bool,
}

impl Matching {
    pub(super) fn new(internal: bool) -> Self {
        Self { patterns: Vec::new(), internal, matched: BTreeSet::new(), listed: true }
    }

    pub(super) fn select(&mut self, patterns: &[Pattern]) {
        self.listed = patterns.is_empty();
        self.patterns = patterns.to_vec();
        let matched = std::mem::take(&mut self.matched);
        self.matched = matched.into_iter().filter(|name| self.is_match(name)).collect();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    pub(super) fn is_listed(&self) -> bool {
        self.listed
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.matched.iter()
    }

    /// Of all topics that there are, those that match; and those that did.
    pub(super) fn learn(&mut self, all: Sizes) -> (Sizes, Vec<Arc<str>>) {
        let matched: Vec<_> = all.into_iter().filter(|(name, _)| self.is_match(name)).collect();
        let names: BTreeSet<_> = matched.iter().map(|(name, _)| name.clone()).collect();
        let gone = self.matched.difference(&names).cloned().collect();
        self.matched = names;
        self.listed = true;
        (matched, gone)
    }

    fn is_match(&self, name: &str) -> bool {
        (self.internal || !name.starts_with("__"))
            && self.patterns.iter().any(|pattern| pattern.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(patterns: &[&str], internal: bool) -> Matching {
        let mut matching = Matching::new(internal);
        let patterns: Vec<_> = patterns.iter().map(|text| Pattern::new(*text).unwrap()).collect();
        matching.select(&patterns);
        matching
    }

    fn all(names: &[&str]) -> Vec<(Arc<str>, i32)> {
        names.iter().map(|name| ((*name).into(), 1)).collect()
    }

    fn names(matching: &Matching) -> Vec<&str> {
        matching.names().map(|name| &**name).collect()
    }

    #[test]
    fn topics_match_as_a_whole_and_those_of_kafka_only_if_asked_for() {
        let topics = ["logs.a", "all.logs.a", "__logs"];

        let mut without = matching(&["logs.*", "__.*"], false);
        without.learn(all(&topics));
        let mut with = matching(&["logs.*", "__.*"], true);
        with.learn(all(&topics));

        assert_eq!(names(&without), ["logs.a"]);
        assert_eq!(names(&with), ["__logs", "logs.a"]);
    }

    #[test]
    fn topics_come_and_go() {
        let mut matching = matching(&["logs.*"], false);

        matching.learn(all(&["logs.a", "logs.b"]));
        let (matched, gone) = matching.learn(all(&["logs.b", "logs.c", "other"]));

        assert_eq!(matched, all(&["logs.b", "logs.c"]));
        assert_eq!(gone, ["logs.a".into()]);
    }

    #[test]
    fn what_no_pattern_matches_any_more_is_given_up_at_once() {
        let mut matching = matching(&["logs.*", "metrics.*"], false);
        matching.learn(all(&["logs.a", "metrics.a"]));

        matching.select(&[Pattern::new("logs.*").unwrap()]);

        assert_eq!(names(&matching), ["logs.a"]);
        assert!(!matching.is_listed());
    }
}
