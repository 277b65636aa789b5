use super::{TaskResult, course::Course, ended::Reason, owned::caught};
use crate::runtime::Phase;
use futures_util::future::{BoxFuture, FutureExt};
use milena_core::error::{BoxError, Error, ErrorKind};
use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// Tells a background task that its app ends. Clones tell the same.
///
/// See [`App::background`](crate::App::background).
#[derive(Clone)]
pub struct Shutdown {
    phase: watch::Receiver<Phase>,
    /// As long as there are clones of this, the task listens.
    _heard: Arc<()>,
}

impl Shutdown {
    /// Waits until the app begins to end.
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped and the method called again.
    pub async fn begun(&self) {
        ends(self.phase.clone()).await;
    }

    /// Whether the app ends.
    pub fn has_begun(&self) -> bool {
        *self.phase.borrow() != Phase::Running
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").field("begun", &self.has_begun()).finish()
    }
}

async fn ends(mut phase: watch::Receiver<Phase>) {
    // Without a sender the app is gone.
    let _ = phase.wait_for(|phase| *phase != Phase::Running).await;
}

/// Waits until the app ends while nobody listens to that, and for ever if somebody does.
async fn deaf(phase: watch::Receiver<Phase>, listens: Weak<()>) {
    ends(phase).await;
    if listens.strong_count() > 0 {
        std::future::pending::<()>().await;
    }
}

/// A background task that has not begun.
pub(crate) struct Background {
    name: Arc<str>,
    begin: Box<dyn FnOnce(Shutdown) -> BoxFuture<'static, Result<(), BoxError>> + Send>,
}

impl Background {
    pub(crate) fn new<F, Fut>(name: Arc<str>, begin: F) -> Self
    where
        F: FnOnce(Shutdown) -> Fut + Send + 'static,
        Fut: Future<Output: TaskResult> + Send + 'static,
    {
        let begin = |shutdown| async move { begin(shutdown).await.into_result() }.boxed();
        Self { name, begin: Box::new(begin) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// The background tasks that run.
#[derive(Default)]
pub(super) struct Tasks(JoinSet<TaskEnd>);

/// How a task ended; `None` when it was cancelled.
type TaskEnd = (Arc<str>, Option<Result<(), BoxError>>);

impl Tasks {
    pub(super) fn start(tasks: Vec<Background>, course: &Course) -> Self {
        let mut running = JoinSet::new();
        for Background { name, begin } in tasks {
            let heard = Arc::new(());
            let listens = Arc::downgrade(&heard);
            let task = begin(Shutdown { phase: course.phases(), _heard: heard });
            let deaf = deaf(course.phases(), listens);
            running.spawn(async move {
                tokio::select! {
                    biased;
                    ended = caught(task) => (name, Some(ended)),
                    () = deaf => (name, None),
                }
            });
        }
        Self(running)
    }

    /// Waits until one ends, and for ever when there is none.
    pub(super) async fn ended(&mut self) -> TaskEnd {
        loop {
            match self.0.join_next().await {
                Some(Ok(ended)) => return ended,
                // One that was aborted is none that failed.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Gives those that listen this long to end, and then cancels them.
    pub(super) async fn end(mut self, course: &mut Course, within: Duration) {
        let mut ended = Vec::new();
        let all = async {
            while let Some(task) = self.0.join_next().await {
                ended.extend(task.ok());
            }
        };
        if course.within(within, all).await.is_none() {
            tracing::warn!("background tasks had not ended within {within:?} and were cancelled");
        }
        for ended in ended {
            judge(course, ended);
        }
    }
}

pub(super) fn judge(course: &mut Course, (name, ended): TaskEnd) {
    match ended {
        Some(Ok(())) => tracing::info!(task = %name, "a background task ended"),
        Some(Err(error)) => {
            let message = format!("could not go on with background task `{name}`: {error}");
            let error = Error::new(ErrorKind::Background, message).with_source(error);
            course.fail(Reason::Background { name }, error);
        }
        None => tracing::info!(task = %name, "a background task was cancelled"),
    }
}
