//! Running a service.

use crate::{
    router::Router,
    runtime::{Conductor, Offered, Phase},
};
use futures_util::future::{BoxFuture, FutureExt};
use milena_core::{
    error::{Error, ErrorKind},
    record::Extensions,
    reply::Publisher,
    transport::{Membership, Producer, Transport},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};

/// How long replies and publications that are still on their way may take at the very end.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Runs `router` on `transport` until it is told to stop, or cannot go on.
///
/// It stops in good order at ctrl-c and SIGTERM: no call begins any more, those that run may end
/// (for as long as [`Router::drain_timeout`] says), what is done is committed, and the groups are
/// left. A second signal waits for nothing.
///
/// ```no_run
/// # #[cfg(feature = "kafka")] {
/// use milena::{Json, Kafka, Router, each};
/// # use schemars::JsonSchema;
/// # use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Greeting {
///     name: String,
/// }
///
/// async fn hello(Json(greeting): Json<Greeting>) {
///     println!("Hello, {}!", greeting.name);
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), milena::Error> {
///     let router = Router::new("greeter").subscribe("greetings", each(hello));
///     milena::serve(Kafka::new("localhost:9092"), router).await
/// }
/// # }
/// ```
///
/// # Errors
///
/// The future ends with an error when the transport cannot be used as it is configured, when a
/// record failed whose subscription stops on failures, when calls had not ended in time at the end,
/// or when a driver cannot go on. Whatever it is: what was not done was not committed.
///
/// # Cancel safety
///
/// Dropping the future ends the service at once, as a crash does: nothing is lost, and what was done
/// since the last commit will be done again.
pub fn serve(transport: impl Transport, router: Router) -> Serve {
    Serve { transport: Box::new(transport), router, shutdown: None }
}

/// A service that runs when it is awaited; [`serve`] makes one.
#[must_use = "a service does nothing until it is awaited"]
pub struct Serve {
    transport: Box<dyn Transport>,
    router: Router,
    shutdown: Option<BoxFuture<'static, ()>>,
}

impl Serve {
    /// Stops in good order when `signal` is ready, instead of at ctrl-c and SIGTERM.
    pub fn with_shutdown(self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { shutdown: Some(signal.boxed()), ..self }
    }

    async fn run(self) -> Result<(), Error> {
        // Signals count from here on, also while the transport is still being reached.
        let mut shutdown = match self.shutdown {
            Some(signal) => Shutdown::Asked(Some(signal)),
            None => Shutdown::Signals(Signals::new()?),
        };
        let producer = self.transport.producer().await?;
        let (phase, phases) = watch::channel(Phase::Running);
        let mut groups = start(&*self.transport, self.router, &producer, &phases).await?;
        let mut result = Ok(());
        loop {
            tokio::select! {
                () = shutdown.next() => phase.send_modify(Phase::hasten),
                ended = groups.join_next() => {
                    let Some(ended) = ended else { break };
                    // One group that cannot go on ends the service: half of one is worse than none.
                    phase.send_if_modified(Phase::drain);
                    result = result.and(ended.unwrap_or_else(|error| broken(&error)));
                }
            }
        }
        let left = producer.flush(FLUSH_WITHIN).await;
        if left > 0 {
            tracing::warn!(left, "records were still on their way to the broker at the end");
        }
        result
    }
}

async fn start(
    transport: &dyn Transport,
    router: Router,
    producer: &Arc<dyn Producer>,
    phases: &watch::Receiver<Phase>,
) -> Result<JoinSet<Result<(), Error>>, Error> {
    let extensions = Arc::new(Extensions::default().with(Publisher::new(producer.clone())));
    let mut groups = JoinSet::new();
    for group in router.into_groups() {
        let offered: Vec<_> = group
            .subscriptions
            .iter()
            .map(|it| Offered {
                topics: it.topics.clone(),
                runner: it.runner(),
                policy: it.policy.clone(),
            })
            .collect();
        if offered.is_empty() {
            let message =
                format!("could not serve group `{}`: it subscribes to no topic", group.name);
            return Err(Error::new(ErrorKind::Config, message));
        }
        let mut topics: Vec<_> = offered.iter().flat_map(|it| it.topics.clone()).collect();
        topics.sort_unstable();
        topics.dedup();
        let membership = Membership {
            start: group.options.start(),
            reset: group.options.reset(),
            config: group.options.consumer.clone(),
            ..Membership::new(group.name.clone(), topics)
        };
        let consumer = transport.consumer(membership).await?;
        let outside = (producer.clone(), extensions.clone());
        let conductor = Conductor::new((group.name, group.options), offered, consumer, outside);
        groups.spawn(conductor.run(phases.clone()));
    }
    Ok(groups)
}

fn broken(error: &JoinError) -> Result<(), Error> {
    Err(Error::new(
        ErrorKind::Driver,
        format!("could not go on: the task of a group broke: {error}"),
    ))
}

impl IntoFuture for Serve {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.run().boxed()
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("router", &self.router).finish_non_exhaustive()
    }
}

/// What tells a service to stop.
enum Shutdown {
    Asked(Option<BoxFuture<'static, ()>>),
    Signals(Signals),
}

impl Shutdown {
    /// The next time that it is told.
    async fn next(&mut self) {
        match self {
            Self::Signals(signals) => signals.next().await,
            Self::Asked(signal) => match signal {
                Some(asked) => {
                    asked.await;
                    *signal = None;
                }
                None => std::future::pending().await,
            },
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Error::new(ErrorKind::Driver, format!("could not listen to signals: {error}"))
                    .with_source(error)
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
    fn new() -> Result<Self, Error> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
