use super::App;
use crate::{
    publishing::Declared,
    serve::{Failure, Reason, ServeApp, Service},
};
use milena_core::error::Error;
use std::{io::Write as _, process::ExitCode};

/// The end of the assembly.
impl App {
    /// The app as a future: it runs when it is awaited, until it is told to stop or cannot go on, and says
    /// which.
    ///
    /// It stops in good order at ctrl-c and SIGTERM, as [`serve`](fn@crate::serve) does.
    ///
    /// ```no_run
    /// # use milena::{App, Memory, Router, each};
    /// use milena::serve::{Ended, Reason};
    ///
    /// # async fn run(app: App) {
    /// match app.serve().await {
    ///     Ok(Ended::Signal) => println!("until the next time"),
    ///     Ok(other) => println!("{other:?}"),
    ///     Err(failure) => match failure.reason() {
    ///         Reason::Record { group, .. } => println!("a record stopped {group}: {failure}"),
    ///         _ => println!("{failure}"),
    ///     },
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The future ends with the first [`Failure`] and those behind it. What was not done was not committed.
    pub fn serve(self) -> ServeApp {
        ServeApp::new(self.service().map_err(|error| Failure::new(Reason::Assembly, error)))
    }

    /// Runs the app to its end, as the whole of a program: what failed is written to the standard error.
    ///
    /// | the process exits with | when |
    /// |---|---|
    /// | 0 | it ended in good order: a signal, [`Control::stop`](crate::serve::Control::stop) |
    /// | 1 | a record, a group, a cluster, a lifespan or a background task failed |
    /// | 2 | it cannot be run as it is assembled or configured, so that another try would not help |
    /// | 3 | calls had not ended in time at the end; their records come again |
    pub async fn run(self) -> ExitCode {
        match self.serve().await {
            Ok(ended) => {
                tracing::info!(?ended, "the app ended");
                ExitCode::SUCCESS
            }
            Err(failure) => {
                // Where there is nobody to tell it to, the code still says it.
                let _ = writeln!(std::io::stderr(), "Error: {failure:?}");
                ExitCode::from(failure.exit_code())
            }
        }
    }

    fn service(self) -> Result<Service, Error> {
        let default = self.clusters.default_name()?.clone();
        let mut clusters = self.parts.on(self.clusters)?;
        // The first is that of publishers that name none.
        clusters.sort_by_key(|cluster| cluster.name != default);
        if let Some(first) = clusters.first_mut() {
            first.replies = self.replies;
        }
        let mut service = Service::new(clusters);
        let layered = |it: &Declared| it.within("", self.publish_layers.clone());
        service.publishers = self.publishers.iter().map(layered).collect();
        (service.lifespans, service.tasks) = (self.lifespans, self.tasks);
        service.patience = self.patience.unwrap_or(service.patience);
        service.stages = self.stages;
        Ok(service)
    }
}
