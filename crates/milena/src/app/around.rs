use super::App;
use crate::serve::{Background, Lifespan, Running, Shutdown, TaskResult};
use std::{sync::Arc, time::Duration};

/// What lives as long as the app.
impl App {
    /// Runs `lifespan` around everything else of the app: what it does up to
    /// [`until_end`](Running::until_end) is done before the first record is delivered and before background
    /// tasks begin, and the rest when they have ended and the last commit is done.
    ///
    /// ```
    /// use milena::serve::Running;
    /// # use milena::{App, error::BoxError};
    /// # #[derive(Clone)] struct Database;
    /// # impl Database {
    /// #     async fn connect() -> Result<Self, BoxError> { Ok(Self) }
    /// #     async fn close(self) -> Result<(), BoxError> { Ok(()) }
    /// # }
    ///
    /// async fn database(running: Running) -> Result<(), BoxError> {
    ///     let database = Database::connect().await?;
    ///     running.provide(database.clone()); // for handlers, which take it as `Extension<Database>`
    ///     running.until_end().await;
    ///     database.close().await
    /// }
    ///
    /// # let _ =
    /// App::new("Billing", "1.4.0").lifespan(database)
    /// # ;
    /// ```
    ///
    /// Of several, each is set up behind those before it, and torn down before them. Producers are there all
    /// the time. One that fails, panics, or returns before the app ends, ends the app. A signal that comes
    /// during the set-up drops it where it waits; for the tear-down each has the
    /// [shutdown timeout](Self::shutdown_timeout).
    pub fn lifespan<F, Fut>(mut self, lifespan: F) -> Self
    where
        F: FnOnce(Running) -> Fut + Send + 'static,
        Fut: Future<Output: TaskResult> + Send + 'static,
    {
        self.lifespans.push(Lifespan::new(lifespan));
        self
    }

    /// Runs `task` beside the groups, from their start on.
    ///
    /// It may end well at any time. If it fails or panics, the app ends with a [`Reason`](crate::serve::Reason) that has its name.
    /// When the app ends, the task's [`Shutdown`] says so, and it has until the groups have ended, and then the
    /// [shutdown timeout](Self::shutdown_timeout), before it is cancelled. One that dropped its `Shutdown`
    /// does not listen, and is cancelled at once.
    ///
    /// ```
    /// use milena::{App, serve::Shutdown};
    /// use std::time::Duration;
    ///
    /// # async fn reload() -> Result<(), std::io::Error> { Ok(()) }
    /// async fn refresh(shutdown: Shutdown) -> Result<(), std::io::Error> {
    ///     while !shutdown.has_begun() {
    ///         reload().await?;
    ///         tokio::select! {
    ///             () = tokio::time::sleep(Duration::from_secs(60)) => {}
    ///             () = shutdown.begun() => {}
    ///         }
    ///     }
    ///     Ok(())
    /// }
    ///
    /// # let _ =
    /// App::new("Billing", "1.4.0").background("refresh", refresh)
    /// # ;
    /// ```
    ///
    /// # Panics
    ///
    /// If there is a task of this name.
    #[track_caller]
    pub fn background<F, Fut>(mut self, name: impl Into<Arc<str>>, task: F) -> Self
    where
        F: FnOnce(Shutdown) -> Fut + Send + 'static,
        Fut: Future<Output: TaskResult> + Send + 'static,
    {
        let name = name.into();
        let is_known = self.tasks.iter().any(|known| *known.name() == *name);
        assert!(!is_known, "there are two background tasks `{name}`");
        self.tasks.push(Background::new(name, task));
        self
    }

    /// Gives background tasks, and then each lifespan, so long to end when the app does; the default is 5 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.patience = Some(timeout);
        self
    }
}
