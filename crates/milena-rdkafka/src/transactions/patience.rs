//! A thread for calls that may never come back.

use std::{io, sync::mpsc, thread, time::Duration};

type Work = Box<dyn FnOnce() + Send>;

/// Makes one call after the other, and waits for each only so long.
///
/// librdkafka promises an end of its calls within their timeouts, but some of them can be waited for in vain: what was
/// sent to the coordinator of a group goes on only when a connection comes or goes, so that it stands still when the
/// coordinator moved and all connections are well.
pub(super) struct Patience(Option<mpsc::Sender<Work>>);

impl Patience {
    pub(super) fn start() -> io::Result<Self> {
        let (work, asked) = mpsc::channel::<Work>();
        let run = move || asked.into_iter().for_each(|work| work());
        thread::Builder::new().name("kafka-call".into()).spawn(run)?;
        Ok(Self(Some(work)))
    }

    /// What this call returns; `None` when it has not come back by then. It goes on for itself then, and no other call
    /// is made behind it.
    pub(super) fn call<T: Send + 'static>(
        &mut self,
        within: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        // Nobody listens any more only when it is too late.
        let work = Box::new(move || drop(answer.send(call())));
        self.0.as_ref()?.send(work).ok()?;
        let result = answered.recv_timeout(within).ok();
        if result.is_none() {
            self.0 = None;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn calls_come_back_one_after_the_other() {
        let mut patience = Patience::start().unwrap();
        assert_eq!(patience.call(LONG, || 1), Some(1));
        assert_eq!(patience.call(LONG, || 2), Some(2));
    }

    #[test]
    fn behind_a_call_that_does_not_come_back_there_is_no_other() {
        let mut patience = Patience::start().unwrap();
        let (go, gone) = mpsc::channel::<()>();
        let (ended, end) = mpsc::channel();

        let stuck = move || {
            let _ = gone.recv();
            ended.send(())
        };
        assert!(patience.call(Duration::ZERO, stuck).is_none());
        assert_eq!(patience.call(LONG, || 1), None);

        // It ends for itself, should it ever, and its thread with it.
        drop(go);
        assert_eq!(end.recv(), Ok(()));
        assert!(end.recv().is_err());
    }
}
