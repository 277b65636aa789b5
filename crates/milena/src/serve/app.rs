use super::{
    ended::{Ended, Failure},
    service::Service,
};
use crate::router::Described;
use futures_util::future::{BoxFuture, FutureExt, ready};
use std::fmt;

/// A cluster of an app, and what reads from it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AppCluster<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether routers read from it that name no cluster.
    pub is_default: bool,
    /// The subscriptions, each with its group and its topics.
    pub operations: Vec<Described<'a>>,
}

/// An app that runs when it is awaited; [`App::serve`](crate::App::serve) makes one.
///
/// # Cancel safety
///
/// Dropping the future ends the app at once, as a crash does: nothing is lost, and what was done since
/// the last commit will be done again. What lifespans have behind their middle is not done.
#[must_use = "an app does nothing until it is awaited"]
pub struct ServeApp(Result<Box<Service>, Failure>);

impl ServeApp {
    pub(crate) fn new(service: Result<Service, Failure>) -> Self {
        Self(service.map(Box::new))
    }

    /// Stops in good order when `signal` is ready, instead of at ctrl-c and SIGTERM.
    pub fn with_shutdown(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        if let Ok(service) = &mut self.0 {
            service.shutdown = Some(signal.boxed());
        }
        self
    }
}

impl IntoFuture for ServeApp {
    type Output = Result<Ended, Failure>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        match self.0 {
            Ok(service) => service.run().boxed(),
            Err(failure) => ready(Err(failure)).boxed(),
        }
    }
}

impl fmt::Debug for ServeApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeApp").finish_non_exhaustive()
    }
}
