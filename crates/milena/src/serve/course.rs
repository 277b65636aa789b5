use super::{
    ended::{Ended, Failure, Reason},
    shutdown::{Shutdown, Signals},
};
use crate::runtime::Phase;
use futures_util::future::BoxFuture;
use milena_core::error::Error;
use std::{pin::pin, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// How long each step may take when nobody wants to wait.
pub(super) const HASTE: Duration = Duration::from_secs(1);

/// How far a service is, what tells it to end, and why it does.
pub(super) struct Course {
    shutdown: Shutdown,
    phase: watch::Sender<Phase>,
    ended: Ended,
    failures: Vec<Failure>,
}

impl Course {
    /// Listens from here on to what tells the service to end.
    pub(super) fn begin(shutdown: Option<BoxFuture<'static, ()>>) -> Result<Self, Failure> {
        let (shutdown, ended) = match shutdown {
            Some(asked) => (Shutdown::Asked(Some(asked)), Ended::Asked),
            None => {
                let signals = Signals::new();
                let signals = signals.map_err(|error| Failure::new(Reason::Assembly, error))?;
                (Shutdown::Signals(signals), Ended::Signal)
            }
        };
        let phase = watch::Sender::new(Phase::Running);
        Ok(Self { shutdown, phase, ended, failures: Vec::new() })
    }

    pub(super) fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Whether nothing has told it to end yet.
    pub(super) fn goes_on(&self) -> bool {
        *self.phase.borrow() == Phase::Running
    }

    /// Whether nobody wants to wait.
    pub(super) fn is_forced(&self) -> bool {
        *self.phase.borrow() == Phase::Forced
    }

    /// Waits until it is told to end, or to hurry.
    pub(super) async fn told(&mut self) {
        self.shutdown.next().await;
        self.phase.send_modify(Phase::hasten);
    }

    /// Ends it for this reason, unless it ends already.
    pub(super) fn end(&mut self, why: Ended) {
        if self.phase.send_if_modified(Phase::drain) {
            self.ended = why;
        }
    }

    /// Ends it because of this.
    pub(super) fn fail(&mut self, reason: Reason, error: Error) {
        tracing::error!(%error, ?reason, "the service ends");
        self.phase.send_if_modified(Phase::drain);
        self.failures.push(Failure::new(reason, error));
    }

    /// What comes of `work`, unless it is told to end meanwhile.
    pub(super) async fn unless_told<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            result = work => Some(result),
            () = self.told() => None,
        }
    }

    /// What comes of `work` in this time, or in a second when nobody wants to wait.
    pub(super) async fn within<T>(
        &mut self,
        time: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(work);
        let mut over = pin!(sleep(if self.is_forced() { HASTE.min(time) } else { time }));
        loop {
            tokio::select! {
                biased;
                result = &mut work => return Some(result),
                () = &mut over => return None,
                () = self.told() => {
                    if self.is_forced() {
                        let soon = over.deadline().min(Instant::now() + HASTE);
                        over.as_mut().reset(soon);
                    }
                }
            }
        }
    }

    /// How it ended.
    pub(super) fn result(self) -> Result<Ended, Failure> {
        Failure::of(self.failures).map_or(Ok(self.ended), Err)
    }
}
