use super::{course::Course, ended::Reason, outlets::Open, owned::panic_text};
use crate::{
    control::{Control, News},
    request::Asker,
    router::{Group, Router},
    runtime::{Conductor, Line, Means, Outside, Provided, counted, union},
    subscriber::Offered,
};
use futures_util::FutureExt;
use milena_core::{
    error::{Error, ErrorKind},
    transport::{Consumer, IsolationLevel, Membership, Producer, Transport},
};
use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};
use tokio::{sync::mpsc::unbounded_channel, task::JoinSet};

/// A cluster with the groups that read from it.
pub(crate) struct Cluster {
    pub(crate) name: Arc<str>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) groups: Vec<(Group<()>, Line)>,
    /// The topic of answers to requests that name none.
    pub(crate) replies: Option<Arc<str>>,
}

/// A cluster that is reached.
pub(super) struct Reached {
    cluster: Cluster,
    pub(super) open: Open,
}

/// Where a group is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) cluster: Arc<str>,
    pub(super) group: Arc<str>,
}

/// The groups that run.
#[derive(Default)]
pub(super) struct Groups(JoinSet<(Place, Result<(), Error>)>);

/// The groups of a router, each with its line.
#[track_caller]
pub(crate) fn with_lines(router: Router) -> Vec<(Group<()>, Line)> {
    let groups = router.into_groups().into_iter().map(|group| {
        let line = line_to(group.name());
        (group, line)
    });
    groups.collect()
}

/// A line to the group of this name.
pub(crate) fn line_to(group: &str) -> Line {
    let (ask, asks) = unbounded_channel();
    let news = News::new();
    Line { control: Control::new(group.into(), ask, &news), asks, news }
}

/// Reaches all clusters; says which cannot be used.
pub(super) async fn reach(clusters: Vec<Cluster>) -> Result<Vec<Reached>, (Reason, Error)> {
    let mut reached = Vec::with_capacity(clusters.len());
    for cluster in clusters {
        if let Some((group, _)) = cluster.groups.iter().find(|(group, _)| group.is_empty()) {
            let message =
                format!("could not serve group `{}`: it subscribes to no topic", group.name());
            return Err((Reason::Assembly, Error::new(ErrorKind::Config, message)));
        }
        match cluster.transport.producer().await {
            Ok(producer) => {
                let (transport, replies) = (cluster.transport.clone(), cluster.replies.clone());
                let name = cluster.name.clone();
                let producer = counted(producer, &name);
                let asker = Asker::new(name, (transport, producer), replies);
                let keeps = cluster.groups.iter().any(|(it, _)| it.options.exactly_once.is_some());
                let open = Open::new(cluster.name.clone(), asker, keeps);
                reached.push(Reached { open, cluster });
            }
            Err(error) => return Err((Reason::Cluster { cluster: cluster.name }, error)),
        }
    }
    Ok(reached)
}

impl Groups {
    /// Has all groups join, until one cannot.
    pub(super) async fn start(
        clusters: Vec<Reached>,
        provided: &Provided,
        course: &mut Course,
    ) -> Self {
        let mut running = Self::default();
        for Reached { cluster: Cluster { name, transport, groups, .. }, open } in clusters {
            // A group that only publishes has nothing to read.
            for (group, line) in groups.into_iter().filter(|(group, _)| group.reads()) {
                let place = Place { cluster: name.clone(), group: group.name().into() };
                let offered = group.offered();
                match join(&*transport, &group, &offered).await {
                    Ok(consumer) => {
                        let (outlet, provided) = (open.outlet.clone(), provided.clone());
                        let (cluster, outer) = (name.clone(), group.outer());
                        let once = open
                            .outbox
                            .map(|outbox| Means { transport: transport.clone(), outbox });
                        let outside = Outside { cluster, outer, consumer, outlet, provided, once };
                        let options = (group.options, group.name.is_some());
                        let conductor = Conductor::new(options, offered, outside, line);
                        running.spawn(place, conductor, course);
                    }
                    Err(error) => {
                        course.fail(Reason::Cluster { cluster: name }, error);
                        return running;
                    }
                }
            }
        }
        running
    }

    fn spawn(&mut self, place: Place, conductor: Conductor, course: &Course) {
        let conducting = AssertUnwindSafe(conductor.run(course.phases())).catch_unwind();
        self.0.spawn(async move {
            // Whatever breaks it is told with its place.
            let broken = |panic: Box<dyn Any + Send>| Err(broken(panic_text(&*panic)));
            (place, conducting.await.unwrap_or_else(broken))
        });
    }

    /// Waits until one ends, and for ever when there is none.
    pub(super) async fn ended(&mut self) -> (Place, Result<(), Error>) {
        loop {
            match self.0.join_next().await {
                Some(Ok(ended)) => return ended,
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    pub(super) fn are_gone(&self) -> bool {
        self.0.is_empty()
    }
}

async fn join(
    transport: &dyn Transport,
    group: &Group<()>,
    offered: &[Offered],
) -> Result<Box<dyn Consumer>, Error> {
    let mut config = group.options.consumer.clone();
    if group.options.exactly_once.is_some() {
        // Or else the offsets of a transaction that is still open would not be waited for.
        config = config.isolation_level(IsolationLevel::ReadCommitted);
    }
    let membership = Membership {
        group: group.name.clone(),
        selection: union(offered.iter().map(|it| &it.selection)),
        start: group.options.start(),
        reset: group.options.reset(),
        config,
    };
    transport.consumer(membership).await
}

impl Reached {
    pub(super) fn name(&self) -> &Arc<str> {
        &self.cluster.name
    }

    /// The controls of its groups.
    pub(super) fn controls(&self) -> impl Iterator<Item = Control> {
        self.cluster.groups.iter().map(|(_, line)| line.control.clone())
    }

    pub(super) fn producer(&self) -> &Arc<dyn Producer> {
        self.open.outlet.producer()
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &Group<()>> {
        self.cluster.groups.iter().map(|(group, _)| group)
    }
}

fn broken(panic: &str) -> Error {
    let message = format!("could not go on: the task of a group broke: {panic}");
    Error::new(ErrorKind::Driver, message)
}
