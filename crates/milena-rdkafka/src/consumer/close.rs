use super::worker::Worker;
use milena_core::{
    error::{Error, ErrorKind},
    transport::Event,
};
use std::time::{Duration, Instant};

/// How long librdkafka may take to ask for everything back when the subscription ends.
const UNSUBSCRIBE: Duration = Duration::from_secs(1);
/// How long leaving the group may go on when nobody waits for it any more.
const LATER: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(5);

impl Worker {
    /// Leaves the group, and tells the runtime so in time.
    pub(super) fn close(mut self, deadline: Instant) {
        self.turn_until(deadline, |worker| worker.pending.is_none());
        let steps = self.rebalance.close();
        self.take(steps);
        self.answer_held();
        let fatal = self.client.fatal_error().is_some();
        // Without this a cooperative member that has nothing would stay in the group until its session
        // ends; a static one must stay.
        if !fatal && !self.settings.is_static && !self.settings.is_manual {
            if let Err(code) = self.client.unsubscribe() {
                tracing::debug!(%code, "could not end a subscription");
            }
            let until = deadline.min(Instant::now() + UNSUBSCRIBE);
            self.turn_until(until, Self::has_left);
        }
        // After a fatal error it is refused, and never ends.
        if self.client.close().is_err() {
            return;
        }
        self.turn_until(deadline, Self::is_closed);
        if !self.is_closed() {
            let message = format!(
                "could not leave in time, for {}: the broker has not answered",
                self.settings.whom()
            );
            self.mailbox.tell(Event::Trouble(Error::new(ErrorKind::Unreachable, message)));
            self.mailbox.end(None);
            self.turn_until(Instant::now() + LATER, Self::is_closed);
        }
    }

    /// Whether everything was given back, and the group told so. A classic member tells it when reading
    /// has stopped, a moment after the last answer, and never if it is closed before that.
    fn has_left(&self) -> bool {
        self.rebalance.is_idle() && (self.settings.names_itself || !self.client.is_member())
    }

    fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Serves librdkafka until then, or until there is no more need to.
    fn turn_until(&mut self, deadline: Instant, done: impl Fn(&Self) -> bool) {
        while !done(self) && Instant::now() < deadline {
            self.listen(STEP);
        }
    }
}
