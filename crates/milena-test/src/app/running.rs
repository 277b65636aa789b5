use crate::calls::{Ending, Recorder};
use milena_core::{
    error::{Error, ErrorKind},
    transport::BoxFuture,
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// The service under test, in a task of its own.
pub(super) struct Running {
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<Result<(), Error>>>,
    ended: watch::Receiver<Option<Ended>>,
    recorder: Arc<Recorder>,
    /// Whether the test was told how it ended.
    told: AtomicBool,
}

/// How a service ended; what it failed with, if it did.
type Ended = Option<(ErrorKind, String)>;

impl Running {
    /// Runs a service, which stops in good order when it hears from `stop`.
    pub(super) fn begin(
        recorder: Arc<Recorder>,
        stop: oneshot::Sender<()>,
        service: BoxFuture<'static, Result<(), Error>>,
    ) -> Self {
        let (end, ended) = watch::channel(None);
        let task = tokio::spawn(async move {
            let result = service.await;
            let failure = result.as_ref().err().map(|error| (error.kind(), error.to_string()));
            end.send_replace(Some(failure));
            result
        });
        let (stop, task, told) = (Some(stop), Some(task), AtomicBool::new(false));
        Self { stop, task, ended, recorder, told }
    }

    pub(super) fn has_ended(&self) -> bool {
        // Nobody is left to tell when the task panicked.
        self.ended.borrow().is_some() || self.ended.has_changed().is_err()
    }

    /// Waits until the service has ended.
    pub(super) async fn ended(&self) {
        let mut ended = self.ended.clone();
        // An error is the end, too.
        let _ = ended.wait_for(Option::is_some).await;
    }

    /// What the service failed with, if it did, and which handler that was of.
    pub(super) fn failure(&self) -> Option<Error> {
        let ended = self.ended.borrow();
        let (kind, text) = ended.as_ref()?.as_ref()?;
        let of = match self.culprit(text) {
            Some(handler) => format!(" (handler `{handler}`)"),
            None => String::new(),
        };
        Some(Error::new(*kind, format!("{text}{of}")))
    }

    /// The same, and the test knows.
    pub(super) fn told(&self) -> Result<(), Error> {
        let failure = self.failure();
        self.told.fetch_or(failure.is_some(), Ordering::SeqCst);
        failure.map_or(Ok(()), Err)
    }

    /// The handler whose call failed, or was given up, with a record that the error names.
    fn culprit(&self, told: &str) -> Option<&'static str> {
        self.recorder.with(|calls| {
            let mut failed =
                calls.iter().rev().filter(|call| !matches!(call.ending, Some(Ending::Outcome(_))));
            failed.find_map(|call| call.handler().filter(|_| call.is_of(told)))
        })
    }

    /// Shuts the service down in good order, and says how it ended.
    pub(super) async fn stop(&mut self) -> Result<(), Error> {
        self.told.store(true, Ordering::SeqCst);
        if let Some(stop) = self.stop.take() {
            // A service that has ended by itself does not listen any more.
            let _ = stop.send(());
        }
        match self.task.take() {
            Some(task) => match task.await {
                Ok(result) => result,
                Err(broken) => std::panic::resume_unwind(broken.into_panic()),
            },
            None => Ok(()),
        }
    }
}

/// An error that nobody was told of is the test's.
impl Drop for Running {
    #[expect(clippy::print_stderr, reason = "the test fails already, and this may be why")]
    fn drop(&mut self) {
        if self.told.load(Ordering::SeqCst) {
            return;
        }
        match self.failure() {
            Some(error) if std::thread::panicking() => eprintln!("the service had ended: {error}"),
            Some(error) => panic!("the service had ended: {error}"),
            None => {}
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.has_ended(), self.failure()) {
            (_, Some(error)) => write!(f, "ended: {error}"),
            (true, None) => f.write_str("ended"),
            (false, None) => f.write_str("runs"),
        }
    }
}
