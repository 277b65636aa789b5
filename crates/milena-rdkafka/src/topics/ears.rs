use super::Client;
use crate::{
    native::{Ears, Said},
    security::Identity,
};
use milena_core::error::{Error, ErrorKind};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

const STEP: Duration = Duration::from_millis(100);

/// What an administrator's client tells beside its answers, and that nobody else hears.
#[derive(Default)]
pub(super) struct Heard {
    trouble: Mutex<Trouble>,
    over: AtomicBool,
}

#[derive(Default)]
struct Trouble {
    last: Option<(ErrorKind, String)>,
    /// Whether there is no use in waiting.
    is_final: bool,
    waiting: Option<Waker>,
}

impl Heard {
    /// Listens on a thread until it is over.
    pub(super) fn listen(self: &Arc<Self>, client: Arc<Client>, identity: Identity) {
        let this = self.clone();
        let listen = move || {
            let Some(ears) = Ears::new(client) else { return };
            while !this.over.load(Relaxed) {
                if let Some(Said::Error(code, reason)) = ears.poll(STEP).map(|event| event.said()) {
                    this.learn(&identity, code, &reason);
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("kafka-admin-events".into()).spawn(listen) {
            tracing::warn!(%error, "could not begin a thread to hear of trouble");
        }
    }

    pub(super) fn end(&self) {
        self.over.store(true, Relaxed);
    }

    fn learn(&self, identity: &Identity, code: Code, reason: &str) {
        let Some(error) = identity.explain((code, reason), None) else {
            tracing::debug!("an administrator's client has trouble: {reason}");
            return;
        };
        let mut trouble = self.lock();
        // A token may yet come; a password or an authority stays wrong.
        trouble.is_final |= error.kind() == ErrorKind::Unauthorized || code == Code::SSL;
        trouble.last = Some((error.kind(), error.to_string()));
        if let Some(waiting) = trouble.waiting.take() {
            waiting.wake();
        }
    }

    /// Does the work, unless brokers and client do not accept each other.
    pub(super) async fn unless_refused<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut work = pin!(work);
        let result = poll_fn(|cx| match self.poll_refused(cx) {
            Some(refused) => Poll::Ready(Err(refused)),
            None => work.as_mut().poll(cx),
        });
        result.await.map_err(|error| match (error.kind(), &self.lock().last) {
            (ErrorKind::Unreachable | ErrorKind::TimedOut, Some((kind, trouble))) => {
                Error::new(*kind, format!("{error}: {trouble}"))
            }
            _ => error,
        })
    }

    fn poll_refused(&self, cx: &Context<'_>) -> Option<Error> {
        let mut trouble = self.lock();
        trouble.waiting = Some(cx.waker().clone());
        let (kind, message) = trouble.last.as_ref().filter(|_| trouble.is_final)?;
        Some(Error::new(*kind, message.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
