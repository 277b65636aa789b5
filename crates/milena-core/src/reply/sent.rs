use crate::{
    error::Error,
    reply::outlet::Entry,
    transport::{Delivered, Receipt, Receive},
};
use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// A record that is on its way to the broker; ready when the broker has answered.
///
/// Who drops it does not want to know: the record is published all the same. That it was not is written
/// to the log then, as an error, because nobody else would say so.
#[must_use = "await it to learn whether the broker has the record; when it is dropped, a failure is only logged"]
pub struct Sent(Arc<Slot>);

/// Where the answer is put, with the account of the record until then.
struct Slot(Mutex<(State, Option<Entry>)>);

enum State {
    /// Somebody waits.
    Open(Option<Waker>),
    Answered(Result<Delivered, Error>),
    /// Nobody waits, or was told already.
    Closed,
}

impl Sent {
    /// One whose answer comes with this receipt.
    pub(super) fn new(entry: Entry) -> (Self, Receipt) {
        let slot = Arc::new(Slot(Mutex::new((State::Open(None), Some(entry)))));
        (Self(slot.clone()), Receipt::new(slot, 0))
    }

    /// One that was never handed over.
    pub(super) fn failed(error: Error) -> Self {
        Self(Arc::new(Slot(Mutex::new((State::Answered(Err(error)), None)))))
    }
}

impl Future for Sent {
    type Output = Result<Delivered, Error>;

    /// # Panics
    ///
    /// If it was ready before.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (state, _) = &mut *self.0.lock();
        match std::mem::replace(state, State::Closed) {
            State::Answered(result) => Poll::Ready(result),
            State::Open(_) => {
                *state = State::Open(Some(cx.waker().clone()));
                Poll::Pending
            }
            #[expect(clippy::panic, reason = "as any future that is polled again")]
            State::Closed => panic!("it was polled when it had been ready"),
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.0.lock().0, State::Closed);
        if let State::Answered(Err(error)) = state {
            log(&error);
        }
    }
}

impl Receive for Slot {
    fn receive(&self, _token: u64, result: Result<Delivered, Error>) {
        let mut slot = self.lock();
        let (state, entry) = &mut *slot;
        drop(entry.take());
        if let State::Open(waker) = state {
            let waker = waker.take();
            *state = State::Answered(result);
            drop(slot);
            if let Some(waker) = waker {
                waker.wake();
            }
        } else {
            drop(slot);
            if let Err(error) = result {
                log(&error);
            }
        }
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, (State, Option<Entry>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(error: &Error) {
    tracing::error!(%error, "a record was not published, and nobody waits for it");
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sent")
    }
}
