use futures_util::FutureExt;
use milena_core::error::BoxError;
use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::task::JoinHandle;

/// A task of a user, which ends when this is dropped.
pub(super) struct Owned(JoinHandle<Result<(), BoxError>>);

/// Runs a user's future as a task of its own; a panic is an error of it.
pub(super) fn own(future: impl Future<Output = Result<(), BoxError>> + Send + 'static) -> Owned {
    Owned(tokio::spawn(caught(future)))
}

/// The future, with a panic in it as its error.
pub(super) async fn caught(
    future: impl Future<Output = Result<(), BoxError>>,
) -> Result<(), BoxError> {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(result) => result,
        Err(payload) => Err(format!("it panicked: {}", panic_text(&*payload)).into()),
    }
}

pub(super) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is not text")
}

impl Future for Owned {
    type Output = Result<(), BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(cx).map(|joined| joined.unwrap_or_else(|error| Err(error.into())))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}
