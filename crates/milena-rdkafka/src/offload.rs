use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    thread,
};

/// Runs what blocks on a thread of its own; `None` when there was no thread for it, or it panicked.
///
/// It runs to its end even if the future is dropped.
pub(crate) fn offload<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Option<T>> {
    let state = Arc::new(Mutex::new(State { result: None, done: false, waker: None }));
    let done = Done(state.clone());
    let run = move || {
        let result = work();
        lock(&done.0).result = Some(result);
    };
    if let Err(error) = thread::Builder::new().name(name.into()).spawn(run) {
        tracing::warn!(%error, "could not begin a thread");
    }
    poll_fn(move |cx| {
        let mut state = lock(&state);
        if state.done {
            return Poll::Ready(state.result.take());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    })
}

struct State<T> {
    result: Option<T>,
    done: bool,
    waker: Option<Waker>,
}

/// Says that no result will come any more.
struct Done<T>(Arc<Mutex<State<T>>>);

impl<T> Drop for Done<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.done = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_thread_made_comes_back() {
        assert_eq!(offload("test", || 1).await, Some(1));
    }

    #[tokio::test]
    async fn a_panic_ends_the_wait() {
        assert_eq!(offload("test", || -> u8 { panic!("on purpose") }).await, None);
    }
}
