use super::{
    course::{Course, HASTE},
    ended::Reason,
    owned::panic_text,
};
use crate::{
    control::{Control, News},
    router::{Group, Router},
    runtime::{Conductor, Line, Outside, Provided, counted, union},
    subscriber::Offered,
};
use futures_util::{FutureExt, future::join_all};
use milena_core::{
    error::{Error, ErrorKind},
    transport::{Consumer, Membership, Producer, Transport},
};
use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{sync::mpsc::unbounded_channel, task::JoinSet};

/// How long replies and publications that are still on their way may take at the very end.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// A cluster with the groups that read from it.
pub(crate) struct Cluster {
    pub(crate) name: Arc<str>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) groups: Vec<(Group<()>, Line)>,
}

/// A cluster that is reached.
pub(super) struct Reached {
    cluster: Cluster,
    producer: Arc<dyn Producer>,
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
        if let Some((group, _)) = cluster.groups.iter().find(|(it, _)| it.subscriptions.is_empty())
        {
            let message =
                format!("could not serve group `{}`: it subscribes to no topic", group.name());
            return Err((Reason::Assembly, Error::new(ErrorKind::Config, message)));
        }
        match cluster.transport.producer().await {
            Ok(producer) => reached.push(Reached { cluster, producer: counted(producer) }),
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
        for Reached { cluster: Cluster { name, transport, groups }, producer } in clusters {
            for (group, line) in groups {
                let place = Place { cluster: name.clone(), group: group.name().into() };
                let offered = group.offered();
                match join(&*transport, &group, &offered).await {
                    Ok(consumer) => {
                        let (producer, provided) = (producer.clone(), provided.clone());
                        let outside = Outside { consumer, producer, provided };
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
    let membership = Membership {
        group: group.name.clone(),
        selection: union(offered.iter().map(|it| &it.selection)),
        start: group.options.start(),
        reset: group.options.reset(),
        config: group.options.consumer.clone(),
    };
    transport.consumer(membership).await
}

/// Waits for the broker's answers to what is still on its way.
pub(super) async fn flush(producers: &[Arc<dyn Producer>], is_forced: bool) {
    let within = if is_forced { HASTE } else { FLUSH_WITHIN };
    let left = join_all(producers.iter().map(|producer| producer.flush(within))).await;
    let left: usize = left.into_iter().sum();
    if left > 0 {
        tracing::warn!(left, "records were still on their way to the broker at the end");
    }
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
        &self.producer
    }
}

fn broken(panic: &str) -> Error {
    let message = format!("could not go on: the task of a group broke: {panic}");
    Error::new(ErrorKind::Driver, message)
}
