//! Running a service, and steering it while it runs.
#![doc = ""]
#![doc = include_str!("../docs/metrics.md")]

mod changes;
mod shutdown;

use self::shutdown::{Shutdown, Signals};
pub use crate::control::{Concern, Control, Health, Incident, Incidents, PartitionStatus, Scope};
use crate::{
    control::News,
    router::{Group, Router},
    runtime::{Conductor, Line, Phase, counted, union},
};
use futures_util::future::{BoxFuture, FutureExt};
use milena_core::{
    error::{Error, ErrorKind},
    transport::{Membership, Producer, Transport},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc::unbounded_channel, watch},
    task::{JoinError, JoinSet},
};

/// How long replies and publications that are still on their way may take at the very end.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);
/// The same when nobody wants to wait.
const HASTE: Duration = Duration::from_secs(1);

/// Runs `router` on `transport` until it is told to stop, or cannot go on.
///
/// It stops in good order at ctrl-c and SIGTERM: no call begins any more, those that run may end
/// (for as long as [`Router::drain_timeout`] says), what is done is committed, and the groups are
/// left. A second signal waits for no call, and a few seconds at most for the broker.
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
///
/// # Panics
///
/// If what is in the router does not go together; see [`Router::subscribe`].
#[track_caller]
pub fn serve(transport: impl Transport, router: Router) -> Serve {
    let groups = router.into_groups().into_iter().map(|group| {
        let (ask, asks) = unbounded_channel();
        let news = News::new();
        let control = Control::new(group.name().into(), ask, &news);
        (group, Line { control, asks, news })
    });
    Serve { transport: Box::new(transport), groups: groups.collect(), shutdown: None }
}

/// A service that runs when it is awaited; [`serve`] makes one.
#[must_use = "a service does nothing until it is awaited"]
pub struct Serve {
    transport: Box<dyn Transport>,
    groups: Vec<(Group<()>, Line)>,
    shutdown: Option<BoxFuture<'static, ()>>,
}

impl Serve {
    /// Stops in good order when `signal` is ready, instead of at ctrl-c and SIGTERM.
    pub fn with_shutdown(self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { shutdown: Some(signal.boxed()), ..self }
    }

    /// Steers the router of this consumer group while it runs; a router without a group is called `(none)`.
    ///
    /// # Panics
    ///
    /// If no router has this group.
    #[track_caller]
    #[expect(clippy::panic, reason = "said at assembly, where a group is named once")]
    pub fn control(&self, group: &str) -> Control {
        match self.groups.iter().find(|(known, _)| known.name() == group) {
            Some((_, line)) => line.control.clone(),
            None => panic!("no router has the group `{group}`"),
        }
    }

    async fn run(self) -> Result<(), Error> {
        // Signals count from here on, also while the transport is still being reached.
        let mut shutdown = match self.shutdown {
            Some(signal) => Shutdown::Asked(Some(signal)),
            None => Shutdown::Signals(Signals::new()?),
        };
        let producer = counted(self.transport.producer().await?);
        let (phase, phases) = watch::channel(Phase::Running);
        let mut groups = start(&*self.transport, self.groups, &producer, &phases).await?;
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
        let forced = *phase.borrow() == Phase::Forced;
        let left = producer.flush(if forced { HASTE } else { FLUSH_WITHIN }).await;
        if left > 0 {
            tracing::warn!(left, "records were still on their way to the broker at the end");
        }
        result
    }
}

async fn start(
    transport: &dyn Transport,
    groups: Vec<(Group<()>, Line)>,
    producer: &Arc<dyn Producer>,
    phases: &watch::Receiver<Phase>,
) -> Result<JoinSet<Result<(), Error>>, Error> {
    let mut running = JoinSet::new();
    for (group, line) in groups {
        let offered: Vec<_> = group.offered();
        if offered.is_empty() {
            let message =
                format!("could not serve group `{}`: it subscribes to no topic", group.name());
            return Err(Error::new(ErrorKind::Config, message));
        }
        let membership = Membership {
            group: group.name.clone(),
            selection: union(offered.iter().map(|it| &it.selection)),
            start: group.options.start(),
            reset: group.options.reset(),
            config: group.options.consumer.clone(),
        };
        let consumer = transport.consumer(membership).await?;
        let outside = (consumer, producer.clone());
        let options = (group.options, group.name.is_some());
        let conductor = Conductor::new(options, offered, outside, line);
        running.spawn(conductor.run(phases.clone()));
    }
    Ok(running)
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
        let groups: Vec<_> = self.groups.iter().map(|(group, _)| group.name()).collect();
        f.debug_struct("Serve").field("groups", &groups).finish_non_exhaustive()
    }
}
