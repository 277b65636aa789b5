//! Running a service, and steering it while it runs.
#![doc = ""]
#![doc = include_str!("../docs/metrics.md")]

mod app;
mod background;
mod changes;
mod cluster;
mod course;
mod ended;
mod info;
mod lifespan;
mod outlets;
mod owned;
mod probe;
mod service;
mod shutdown;
mod task_result;

pub use self::{
    app::{AppCluster, ServeApp},
    background::Shutdown,
    ended::{Ended, Failure, Moment, Reason},
    info::{Contact, Info, License},
    lifespan::Running,
    probe::{AppHealth, Probe},
    task_result::TaskResult,
};
pub(crate) use self::{
    background::Background,
    cluster::{Cluster, line_to, with_lines},
    lifespan::Lifespan,
    probe::Stage,
    service::Service,
};
pub use crate::control::{Concern, Control, Health, Incident, Incidents, PartitionStatus, Scope};
pub(crate) use crate::runtime::Line;

use crate::router::{Router, check_topic};
use futures_util::future::{BoxFuture, FutureExt};
use milena_core::{error::Error, transport::Transport};
use std::{fmt, sync::Arc};

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
    let (transport, groups) = (Arc::new(transport), with_lines(router));
    Serve(Service::new(vec![Cluster { name: "default".into(), transport, groups, replies: None }]))
}

/// A service that runs when it is awaited; [`serve`] makes one.
#[must_use = "a service does nothing until it is awaited"]
pub struct Serve(Service);

impl Serve {
    /// Stops in good order when `signal` is ready, instead of at ctrl-c and SIGTERM.
    pub fn with_shutdown(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.0.shutdown = Some(signal.boxed());
        self
    }

    /// Has requests that name no other reply topic be answered in `topic`, which has to exist.
    ///
    /// Each instance of the service reads one partition of it, without a group, so instances can share it. The more
    /// partitions there are, the fewer answers of others an instance reads.
    ///
    /// # Panics
    ///
    /// If no topic can be called so.
    #[track_caller]
    pub fn replies(mut self, topic: impl Into<Arc<str>>) -> Self {
        let topic = topic.into();
        check_topic(&topic);
        self.0.clusters.iter_mut().for_each(|it| it.replies = Some(topic.clone()));
        self
    }

    /// Steers the router of this consumer group while it runs; a router without a group is called `(none)`.
    ///
    /// # Panics
    ///
    /// If no router has this group.
    #[track_caller]
    #[expect(clippy::panic, reason = "said at assembly, where a group is named once")]
    pub fn control(&self, group: &str) -> Control {
        let mut groups = self.0.clusters.iter().flat_map(|cluster| &cluster.groups);
        match groups.find(|(known, _)| known.name() == group) {
            Some((_, line)) => line.control.clone(),
            None => panic!("no router has the group `{group}`"),
        }
    }
}

impl IntoFuture for Serve {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async { self.0.run().await.map(drop).map_err(Error::from) }.boxed()
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.0.clusters.iter().flat_map(|cluster| &cluster.groups);
        let groups: Vec<_> = groups.map(|(group, _)| group.name()).collect();
        f.debug_struct("Serve").field("groups", &groups).finish_non_exhaustive()
    }
}
