use bytes::Bytes;
use milena_core::{
    error::Error,
    record::{Chunk, Headers, Records, Timestamp, TopicPartition},
    transport::{Membership, Pattern, Selection, StartAt},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// What names begin with at the broker, and nobody else's do.
pub(super) struct Names {
    prefix: String,
}

impl Names {
    pub(super) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let count = LAST.fetch_add(1, Ordering::Relaxed);
        Self { prefix: format!("milena-test-{since:x}-{:x}-{count:x}.", std::process::id()) }
    }

    pub(super) fn full(&self, plain: &str) -> Arc<str> {
        format!("{}{plain}", self.prefix).into()
    }

    pub(super) fn plain(&self, full: &str) -> Arc<str> {
        full.strip_prefix(&self.prefix).unwrap_or(full).into()
    }

    pub(super) fn full_place(&self, at: &TopicPartition) -> TopicPartition {
        TopicPartition::new(self.full(&at.topic), at.partition)
    }

    pub(super) fn plain_place(&self, at: &TopicPartition) -> TopicPartition {
        TopicPartition::new(self.plain(&at.topic), at.partition)
    }

    /// These partitions, with what belongs to each, as the broker has them.
    pub(super) fn full_places<T>(&self, all: Vec<(TopicPartition, T)>) -> Vec<(TopicPartition, T)> {
        all.into_iter().map(|(at, what)| (self.full_place(&at), what)).collect()
    }

    pub(super) fn membership(&self, plain: Membership) -> Membership {
        let start = match plain.start {
            StartAt::Offsets(offsets) => StartAt::Offsets(self.full_places(offsets)),
            start => start,
        };
        let group = plain.group.as_deref().map(|group| self.full(group));
        Membership { group, selection: self.selection(&plain.selection), start, ..plain }
    }

    pub(super) fn selection(&self, plain: &Selection) -> Selection {
        match plain {
            Selection::Topics { names, patterns } => Selection::Topics {
                names: names.iter().map(|name| self.full(name)).collect(),
                patterns: patterns.iter().map(|pattern| self.pattern(pattern)).collect(),
            },
            Selection::Partitions(partitions) => {
                Selection::Partitions(partitions.iter().map(|at| self.full_place(at)).collect())
            }
        }
    }

    /// The pattern that takes the full name of what this one takes.
    fn pattern(&self, plain: &Pattern) -> Pattern {
        let prefix = self.prefix.replace('.', r"\.");
        let full = Pattern::new(format!("{prefix}(?:{})", plain.as_str()));
        // What is an expression is one in brackets, too, unless it has a comment without an end.
        full.unwrap_or_else(|_| plain.clone())
    }

    /// The error as it would be without the prefix.
    pub(super) fn plain_error(&self, error: Error) -> Error {
        let text = error.to_string();
        if text.contains(&self.prefix) {
            return Error::new(error.kind(), text.replace(&self.prefix, ""));
        }
        error
    }

    pub(super) fn plain_text(&self, text: &str) -> String {
        text.replace(&self.prefix, "")
    }

    /// The same records, not copied, of the plain topic.
    pub(super) fn plain_chunk(&self, full: &Chunk) -> Chunk {
        let records = Same(full.records().clone());
        Chunk::new(self.plain_place(full.place()), full.epoch(), records)
    }
}

/// Records that another chunk has, too.
struct Same(Arc<dyn Records>);

impl Records for Same {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn offset(&self, index: usize) -> i64 {
        self.0.offset(index)
    }

    fn timestamp(&self, index: usize) -> Timestamp {
        self.0.timestamp(index)
    }

    fn key(&self, index: usize) -> Option<&[u8]> {
        self.0.key(index)
    }

    fn value(&self, index: usize) -> Option<&[u8]> {
        self.0.value(index)
    }

    fn headers(&self, index: usize) -> Headers {
        self.0.headers(index)
    }

    fn header(&self, index: usize, name: &str) -> Option<Bytes> {
        self.0.header(index, name)
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use milena_core::error::ErrorKind;

    #[test]
    fn a_pattern_takes_names_of_its_own_test_only() {
        let (mine, others) = (Names::new(), Names::new());
        let plain = Pattern::new("logs.{level}|audit").unwrap();
        let full = mine.pattern(&plain);

        assert!(full.is_match(&mine.full("logs.info")));
        assert!(full.is_match(&mine.full("audit")));
        assert!(!full.is_match(&others.full("audit")));
        assert!(!full.is_match("audit"));
        assert_eq!(full.captures(&mine.full("logs.info")).unwrap().get("level"), Some("info"));
    }

    #[test]
    fn an_error_tells_plain_names() {
        let names = Names::new();
        let text = format!("could not write to topic `{}`: no", names.full("orders"));
        let error = names.plain_error(Error::new(ErrorKind::Publish, text));

        assert_eq!(error.kind(), ErrorKind::Publish);
        assert_eq!(error.to_string(), "could not write to topic `orders`: no");
    }
}
