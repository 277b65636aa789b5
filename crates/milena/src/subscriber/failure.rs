use super::{Breaker, Failing, Retry, Subscriber};
use std::{sync::Arc, time::Duration};

/// What becomes of a record that fails.
impl<S, O, C> Subscriber<S, O, C> {
    /// Calls the handler again with a record that failed; the default is [`Retry::none`].
    pub fn retry(mut self, retry: Retry) -> Self {
        self.given.retry = Some(retry);
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
        self.given.within(each_call);
        self
    }

    /// Lets each call take its time, whatever a router around it says.
    pub fn without_timeout(mut self) -> Self {
        self.given.timeout = Some(None);
        self
    }

    /// Publishes a record that failed for good to its own topic with `.dead` behind the name, and goes on.
    ///
    /// A record of `orders` becomes a dead letter in `orders.dead`, in the same partition if there is
    /// one of that number, and else in that of its key. It has the key, the value and the headers of the
    /// record byte for byte. Behind those stand headers that tell where it came from and why, whose names
    /// all begin with `milena-dead-letter-`:
    ///
    /// | | |
    /// |---|---|
    /// | `topic`, `partition`, `offset` | where the record stands |
    /// | `timestamp` | its own, in milliseconds since 1970, or -1; that of the dead letter is the moment it is written, so that retention counts from there |
    /// | `timestamp-type` | `CreateTime`, `LogAppendTime` or `NoTimestampType` |
    /// | `group` | the consumer group that could not process it |
    /// | `attempts` | how often the handler was called |
    /// | `error` | how the last call failed, up to 1,000 bytes |
    /// | `reason` | instead of `error`, why the handler [decided](milena_core::Outcome::dead_letter) so |
    ///
    /// The record counts as done when the broker has the dead letter; until then the record is not
    /// done, and if the dead letter cannot be written its partition waits, and the log says so.
    ///
    /// The topic of the record is the one that it was read from, with the prefixes of routers.
    ///
    /// # Panics
    ///
    /// If something else was said of failures already.
    #[track_caller]
    pub fn dead_letters(mut self) -> Self {
        self.given.fail(Failing::beside_each());
        self
    }

    /// Publishes a record that failed for good to `topic`, as [`dead_letters`](Self::dead_letters) does
    /// to a topic of another name.
    ///
    /// It is the whole name: no prefix of a router is put before it, so that many subscriptions can share
    /// it.
    ///
    /// # Panics
    ///
    /// If something else was said of failures already.
    #[track_caller]
    pub fn dead_letter(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.given.fail(Failing::to(topic));
        self
    }

    /// Logs a record that failed for good, and goes on without it. The default is to stop the service.
    ///
    /// # Panics
    ///
    /// If something else was said of failures already.
    #[track_caller]
    pub fn skip_failures(mut self) -> Self {
        self.given.fail(Failing::Skip);
        self
    }

    /// Stops the service before a record that failed for good, whatever a router around it says. It is
    /// the default.
    ///
    /// # Panics
    ///
    /// If something else was said of failures already.
    #[track_caller]
    pub fn stop_on_failure(mut self) -> Self {
        self.given.fail(Failing::Stop);
        self
    }

    /// Pauses the subscription when too many of its records fail; the default is [`Breaker::default`].
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.given.breaker = Some(Some(breaker));
        self
    }

    /// Goes on however many records fail.
    pub fn without_breaker(mut self) -> Self {
        self.given.breaker = Some(None);
        self
    }
}
