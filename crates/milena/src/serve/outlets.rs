use super::{
    cluster::Reached,
    course::{Course, HASTE},
    ended::Reason,
};
use crate::{
    publishing::{Declared, Outbox},
    request::Asker,
};
use futures_util::future::{FutureExt, join_all, select_all};
use milena_core::{
    error::{Error, ErrorKind},
    reply::{Binding, Outlet},
};
use std::{sync::Arc, time::Duration};

/// How long replies and publications that are still on their way may take at the very end.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// What a service publishes through, as long as it runs.
#[derive(Default)]
pub(super) struct Outlets {
    clusters: Vec<Open>,
    bound: Vec<Arc<Binding>>,
}

/// What is published through to a cluster.
#[derive(Clone)]
pub(super) struct Open {
    cluster: Arc<str>,
    pub(super) outlet: Arc<Outlet>,
    /// Where publishers put what is to be in a transaction, if a group has them.
    pub(super) outbox: Option<Outbox>,
    asker: Arc<Asker>,
}

impl Open {
    pub(super) fn new(cluster: Arc<str>, asker: Asker, keeps: bool) -> Self {
        let (asker, mut outbox) = (Arc::new(asker), None);
        let mut producer = asker.producer().clone();
        if keeps {
            let (before, keeping) = Outbox::before(producer);
            (outbox, producer) = (Some(before), keeping);
        }
        let outlet = Outlet::new(producer).with_requests(asker.clone());
        Self { cluster, outlet: Arc::new(outlet), outbox, asker }
    }
}

impl Outlets {
    /// Opens those of all clusters, so that publishers work.
    pub(super) async fn open(
        reached: &[Reached],
        publishers: &[Declared],
    ) -> Result<Self, (Reason, Error)> {
        let mut outlets = Self::default();
        outlets.clusters.extend(reached.iter().map(|it| it.open.clone()));
        for it in reached {
            for group in it.groups() {
                for publisher in group.publishers() {
                    outlets.bind(&publisher, &it.open)?;
                }
            }
        }
        if let Some(first) = reached.first() {
            publishers.iter().try_for_each(|it| outlets.bind(it, &first.open))?;
        }
        for Open { cluster, asker, .. } in &outlets.clusters {
            let failed = |error| (Reason::Cluster { cluster: cluster.clone() }, error);
            asker.start().await.map_err(failed)?;
        }
        Ok(outlets)
    }

    /// Has a publisher publish to the cluster that its target names, or else to this one.
    fn bind(&mut self, publisher: &Declared, own: &Open) -> Result<(), (Reason, Error)> {
        let target = publisher.target();
        let open = match target.on_cluster() {
            None => own,
            Some(name) => self.clusters.iter().find(|it| it.cluster == *name).ok_or_else(|| {
                let message = format!(
                    "could not publish to topic `{}` on cluster `{name}`: there is no such cluster (declared at {})",
                    target.topic(),
                    publisher.at
                );
                (Reason::Assembly, Error::new(ErrorKind::Config, message))
            })?,
        };
        publisher.bind(&open.outlet);
        self.bound.push(publisher.binding().clone());
        Ok(())
    }

    /// Waits until the producer of a cluster is not to go on.
    pub(super) async fn failed(&self) -> (Reason, Error) {
        let failed = |it: &Open| {
            let (cluster, producer) = (it.cluster.clone(), it.outlet.producer().clone());
            async move { (Reason::Cluster { cluster }, producer.failed().await) }.boxed()
        };
        select_all(self.clusters.iter().map(failed)).await.0
    }

    /// Waits for the broker's answers to what is still on its way.
    pub(super) async fn flush(&self, is_forced: bool) {
        let within = if is_forced { HASTE } else { FLUSH_WITHIN };
        let flush = |it: &Open| {
            let outlet = it.outlet.clone();
            async move { outlet.producer().flush(within).await }
        };
        let left = join_all(self.clusters.iter().map(flush)).await;
        let left: usize = left.into_iter().sum();
        if left > 0 {
            tracing::warn!(left, "records were still on their way to the broker at the end");
        }
    }

    /// Closes them: publishers work no more, and what they have not delivered is told.
    pub(super) async fn close(self, course: &mut Course) {
        self.unbind();
        for it in &self.clusters {
            it.asker.close().await;
            let left = it.outlet.unanswered();
            if !left.is_empty() {
                course.fail(Reason::Cluster { cluster: it.cluster.clone() }, undelivered(&left));
            }
        }
    }

    fn unbind(&self) {
        self.bound.iter().for_each(|binding| binding.unbind());
    }
}

impl Drop for Outlets {
    fn drop(&mut self) {
        self.unbind();
    }
}

/// The error of a service that ended before the broker had what publishers handed over.
fn undelivered(left: &[(Arc<str>, usize)]) -> Error {
    let counted = |(topic, records): &(Arc<str>, usize)| match records {
        1 => format!("1 record to topic `{topic}`"),
        several => format!("{several} records to topic `{topic}`"),
    };
    let all: Vec<_> = left.iter().map(counted).collect();
    let message = format!(
        "could not deliver {} before the end: the broker has not answered for them",
        all.join(" and ")
    );
    Error::new(ErrorKind::Unfinished, message)
}
