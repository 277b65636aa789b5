use super::{Breaker, Concurrency, DeadLetters, Retry, by_partition};
use std::{sync::Arc, time::Duration};

/// How the records of a subscription are delivered, and what becomes of those that fail.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) ack: AckPolicy,
    pub(crate) concurrency: Concurrency,
    pub(crate) retry: Retry,
    /// How long a call may take.
    pub(crate) timeout: Option<Duration>,
    pub(crate) failing: Failing,
    pub(crate) breaker: Option<Breaker>,
    pub(crate) batching: Batching,
}

/// What was said of a policy. What was not is asked of the routers around, and is the default at last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    pub(crate) ack: Option<AckPolicy>,
    pub(crate) concurrency: Option<Concurrency>,
    pub(crate) retry: Option<Retry>,
    pub(crate) timeout: Option<Option<Duration>>,
    pub(crate) failing: Option<Failing>,
    pub(crate) breaker: Option<Option<Breaker>>,
}

impl Given {
    /// The same, and where nothing was said, what a router around says.
    pub(crate) fn or(self, outer: &Self) -> Self {
        Self {
            ack: self.ack.or(outer.ack),
            concurrency: self.concurrency.or(outer.concurrency),
            retry: self.retry.or_else(|| outer.retry.clone()),
            timeout: self.timeout.or(outer.timeout),
            failing: self.failing.or_else(|| outer.failing.clone()),
            breaker: self.breaker.or_else(|| outer.breaker.clone()),
        }
    }

    pub(crate) fn policy(self, batching: Batching) -> Policy {
        Policy {
            ack: self.ack.unwrap_or_default(),
            concurrency: self.concurrency.unwrap_or_else(by_partition),
            retry: self.retry.unwrap_or_default(),
            timeout: self.timeout.flatten(),
            failing: self.failing.unwrap_or(Failing::Stop),
            breaker: self.breaker.unwrap_or_else(|| Some(Breaker::default())),
            batching,
        }
    }

    /// The methods that said something.
    pub(crate) fn said(&self) -> impl Iterator<Item = &'static str> {
        let said = [
            (self.ack.is_some(), "ack"),
            (self.concurrency.is_some(), "concurrency"),
            (self.retry.is_some(), "retry"),
            (self.timeout.is_some(), "timeout"),
            (self.failing.is_some(), self.failing.as_ref().map_or("", Failing::method)),
            (self.breaker.is_some(), "breaker"),
        ];
        said.into_iter().filter_map(|(is_said, method)| is_said.then_some(method))
    }

    #[track_caller]
    pub(crate) fn within(&mut self, each_call: Duration) {
        assert!(!each_call.is_zero(), "a call that may take no time cannot succeed");
        self.timeout = Some(Some(each_call));
    }

    #[track_caller]
    pub(crate) fn fail(&mut self, failing: Failing) {
        let before = self.failing.as_ref().map_or(failing.method(), Failing::method);
        assert!(
            before == failing.method(),
            "what becomes of failures is said twice: `.{before}` and `.{}`",
            failing.method()
        );
        self.failing = Some(failing);
    }
}

/// When a record counts as done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum AckPolicy {
    /// When its handler succeeded and its replies are at the broker, or it was dead-lettered or
    /// skipped: at least once.
    #[default]
    OnSuccess,
    /// When it was received, before its handler is called: at most once. What is in work when the
    /// service dies is lost.
    OnReceive,
}

/// What becomes of a record when its last attempt failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failing {
    Stop,
    Skip,
    DeadLetter(DeadLetters),
}

impl Failing {
    pub(crate) fn dead_letters(&self) -> Option<&DeadLetters> {
        match self {
            Self::DeadLetter(letters) => Some(letters),
            Self::Stop | Self::Skip => None,
        }
    }

    pub(crate) fn beside_each() -> Self {
        Self::DeadLetter(DeadLetters::BesideEach)
    }

    pub(crate) fn to(topic: impl Into<Arc<str>>) -> Self {
        Self::DeadLetter(DeadLetters::To(topic.into()))
    }

    /// The method that says so.
    fn method(&self) -> &'static str {
        match self {
            Self::Stop => "stop_on_failure",
            Self::Skip => "skip_failures",
            Self::DeadLetter(DeadLetters::BesideEach) => "dead_letters",
            Self::DeadLetter(DeadLetters::To(_)) => "dead_letter",
        }
    }
}

/// What makes a batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batching {
    pub(crate) max_records: usize,
    pub(crate) max_wait: Duration,
    pub(crate) across_partitions: bool,
}

impl Default for Batching {
    fn default() -> Self {
        Self { max_records: 100, max_wait: Duration::from_millis(100), across_partitions: false }
    }
}
