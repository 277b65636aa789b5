use milena_core::{
    error::Error,
    transport::{Delivered, Receipt, Receive},
};
use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

/// Where receipts come back to.
#[derive(Default)]
pub(super) struct Inbox(Mutex<Received>);

#[derive(Default)]
struct Received {
    results: BTreeMap<u64, Result<Delivered, Error>>,
    waker: Option<Waker>,
}

impl Inbox {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn receipt(self: &Arc<Self>, token: usize) -> Receipt {
        Receipt::new(self.clone(), token as u64)
    }

    /// How many receipts came back.
    pub(super) fn count(&self) -> usize {
        self.lock().results.len()
    }

    /// Waits until this many receipts came back, and gives what they said in order of their tokens.
    pub(super) async fn all(&self, count: usize) -> Vec<Result<Delivered, Error>> {
        poll_fn(|cx| {
            let mut received = self.lock();
            if received.results.len() < count {
                received.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(std::mem::take(&mut received.results).into_values().collect())
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receive for Inbox {
    fn receive(&self, token: u64, result: Result<Delivered, Error>) {
        let mut received = self.lock();
        received.results.insert(token, result);
        let waker = received.waker.take();
        drop(received);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
