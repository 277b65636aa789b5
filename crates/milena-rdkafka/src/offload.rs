use crate::promise::promise;
use std::thread;

/// Runs what blocks on a thread of its own; `None` when there was no thread for it, or it panicked.
///
/// It runs to its end even if the future is dropped.
pub(crate) fn offload<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Option<T>> {
    let (promise, done) = promise();
    let run = move || promise.keep(work());
    if let Err(error) = thread::Builder::new().name(name.into()).spawn(run) {
        tracing::warn!(%error, "could not begin a thread");
    }
    done
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
