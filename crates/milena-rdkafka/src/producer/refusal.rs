use milena_core::error::Error;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// That the broker does not let in who publishes, and who waits to hear that.
#[derive(Default)]
pub(super) struct Refusal {
    /// Until somebody has heard it.
    error: Mutex<Option<Error>>,
    is_there: Notify,
    /// What was said of it last where it is no end.
    trouble: Mutex<Option<String>>,
}

impl Refusal {
    /// Of several the first counts.
    pub(super) fn tell(&self, error: Error) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.is_there.notify_one();
    }

    /// It is no end, and is known to who asks.
    pub(super) fn note(&self, error: &Error) {
        let trouble = Some(error.to_string());
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn told(&self) -> Error {
        loop {
            self.is_there.notified().await;
            let error = self.error.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(error) = error {
                return error;
            }
        }
    }
}
