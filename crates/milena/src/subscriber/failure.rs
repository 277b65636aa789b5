use super::{Failing, Retry, Subscriber};
use std::{sync::Arc, time::Duration};

/// What becomes of a record that fails.
impl<S, O, C> Subscriber<S, O, C> {
    /// Calls the handler again with a record that failed; the default is [`Retry::none`].
    pub fn retry(mut self, retry: Retry) -> Self {
        self.policy.retry = retry;
        self
    }

    /// Bounds each call of the handler; there is no bound by default.
    ///
    /// A call that takes longer is dropped where it waits, with its layers and extractors, and has
    /// failed with an [`Error`](crate::Error) of kind `TimedOut`, which is retried like any other. It
    /// has to wait for something to be dropped: what keeps a thread busy cannot be ended.
    ///
    /// # Panics
    ///
    /// If that is no time at all.
    #[track_caller]
    pub fn timeout(mut self, each_call: Duration) -> Self {
        assert!(!each_call.is_zero(), "a call that may take no time cannot succeed");
        self.policy.timeout = Some(each_call);
        self
    }

    /// Publishes a record that failed for good to `topic`, and goes on.
    ///
    /// The dead letter has the key, the value and the headers of the record byte for byte. Behind
    /// those stand headers that tell where it came from and why: `milena-dead-letter-topic`,
    /// `-partition`, `-offset`, `-timestamp`, `-attempts` and `-error`. Its timestamp is the moment
    /// it is written. The record counts as done when the broker has the dead letter; until then the
    /// record is not done, and if the dead letter cannot be written its partition waits.
    ///
    /// # Panics
    ///
    /// If failures are already to be skipped.
    #[track_caller]
    pub fn dead_letter(mut self, topic: impl Into<Arc<str>>) -> Self {
        assert!(
            self.policy.failing != Failing::Skip,
            "failures are skipped or dead-lettered, not both"
        );
        self.policy.failing = Failing::DeadLetter(topic.into());
        self
    }

    /// Logs a record that failed for good, and goes on without it. The default is to stop the service.
    ///
    /// # Panics
    ///
    /// If failures are already to be dead-lettered.
    #[track_caller]
    pub fn skip_failures(mut self) -> Self {
        let dead = matches!(self.policy.failing, Failing::DeadLetter(_));
        assert!(!dead, "failures are skipped or dead-lettered, not both");
        self.policy.failing = Failing::Skip;
        self
    }
}
