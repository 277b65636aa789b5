use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

/// Something that one thread will have, and the future that waits for it: `None` when it never will.
pub(crate) fn promise<T>() -> (Promise<T>, impl Future<Output = Option<T>>) {
    let state = Arc::new(Mutex::new(State { result: None, done: false, waker: None }));
    let promise = Promise(state.clone());
    let kept = poll_fn(move |cx| {
        let mut state = lock(&state);
        if state.done {
            return Poll::Ready(state.result.take());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    });
    (promise, kept)
}

/// Whoever waits is answered, be it by dropping it.
pub(crate) struct Promise<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    result: Option<T>,
    done: bool,
    waker: Option<Waker>,
}

impl<T> Promise<T> {
    pub(crate) fn keep(self, result: T) {
        lock(&self.0).result = Some(result);
    }
}

impl<T> Drop for Promise<T> {
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
