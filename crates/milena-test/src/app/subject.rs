use super::{cluster::Cluster, subscribed::Subscribed};
use crate::{
    broker::Broker,
    calls::{Recorder, Recording, Sends},
    stand_in::StandIns,
};
use futures_util::FutureExt as _;
use milena::{
    App, Router,
    router::Described,
    serve::{Failure, Running},
};
use milena_core::{error::Error, transport::BoxFuture};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::oneshot;

/// What is tested.
pub(super) enum Subject {
    Router(Box<Router>),
    App(Box<App>),
}

/// What tells a service to stop when it is ready.
pub(super) type Stopped = BoxFuture<'static, ()>;

/// A service that does not run yet.
pub(super) struct Prepared {
    pub(super) clusters: Vec<Cluster>,
    pub(super) service: BoxFuture<'static, Result<(), Error>>,
    /// Ready when its publishers work and its lifespans are set up, or that will never be.
    pub(super) set_up: BoxFuture<'static, ()>,
}

/// What a service without named clusters is on.
const DEFAULT: &str = "default";

impl Subject {
    /// A router, which is an app where no group can say that it runs because it only publishes.
    pub(super) fn of(router: Router) -> Self {
        if router.operations().next().is_some() {
            return Self::Router(Box::new(router));
        }
        Self::App(Box::new(App::new("test", "0.0.0").router(router)))
    }

    /// The names of its clusters, the default one first.
    pub(super) fn clusters(&self) -> Vec<Arc<str>> {
        match self {
            Self::Router(_) => vec![DEFAULT.into()],
            Self::App(app) => {
                let mut clusters: Vec<_> =
                    app.clusters().map(|it| (!it.is_default, it.name.into())).collect();
                // The others keep their order.
                clusters.sort_by_key(|(other, _)| *other);
                match clusters.is_empty() {
                    true => vec![DEFAULT.into()],
                    false => clusters.into_iter().map(|(_, name)| name).collect(),
                }
            }
        }
    }

    /// The same, with its calls recorded.
    pub(super) fn recorded(self, recorder: &Arc<Recorder>, stand_ins: StandIns) -> Self {
        let sends = Sends::new(recorder);
        let (recorder, stand_ins) = (recorder.clone(), Arc::new(stand_ins));
        let layer =
            move |described: &Described<'_>| Recording::new(&recorder, &stand_ins, described);
        match self {
            Self::Router(router) => {
                Self::Router(Box::new(router.layer_with(layer).publish_layer(sends)))
            }
            Self::App(app) => Self::App(Box::new(app.layer_with(layer).publish_layer(sends))),
        }
    }

    /// The service on these brokers, one for each of its clusters.
    pub(super) fn on(self, brokers: Vec<(Arc<str>, Broker)>, stopped: Stopped) -> Prepared {
        let clusters: Vec<_> =
            brokers.into_iter().map(|(name, broker)| Cluster::new(name, broker)).collect();
        match self {
            Self::Router(router) => router_on(*router, clusters, stopped),
            Self::App(app) => app_on(*app, clusters, stopped),
        }
    }

    /// The names of all handlers.
    pub(super) fn handlers(&self) -> BTreeSet<&'static str> {
        let of = |described: Described<'_>| {
            let alternatives = described.alternatives.into_iter();
            let all = std::iter::once(described.operation).chain(alternatives);
            all.map(|operation| operation.handler).collect::<Vec<_>>()
        };
        match self {
            Self::Router(router) => router.operations().flat_map(of).collect(),
            Self::App(app) => app.operations().flat_map(|(_, it)| of(it)).collect(),
        }
    }
}

fn router_on(router: Router, mut clusters: Vec<Cluster>, stopped: Stopped) -> Prepared {
    let mut reads: Vec<_> = router.operations().map(|it| Subscribed::of(&it)).collect();
    let service = milena::serve(clusters[0].broker.transport(), router);
    reads.iter_mut().for_each(|it| it.control = Some(service.control(&it.group)));
    clusters[0].subscribed = reads;
    let control = clusters[0].controls().next().cloned();
    // A group answers as soon as it runs.
    let set_up = async move {
        if let Some(control) = control {
            let _ = control.status().await;
        }
    };
    let service = service.with_shutdown(stopped).into_future();
    Prepared { clusters, service, set_up: set_up.boxed() }
}

fn app_on(app: App, mut clusters: Vec<Cluster>, stopped: Stopped) -> Prepared {
    let on = |app: App, it: &Cluster| app.cluster(it.name.clone(), it.broker.transport());
    let (up, is_up) = oneshot::channel();
    // The last lifespan is set up behind all others.
    let app = clusters.iter().fold(app, on).lifespan(async move |running: Running| {
        let _ = up.send(());
        running.until_end().await;
    });
    for (name, described) in app.operations() {
        let mut reads = Subscribed::of(&described);
        reads.control = Some(app.control_on(name, &reads.group));
        let cluster = clusters.iter_mut().find(|it| *it.name == *name);
        if let Some(cluster) = cluster {
            cluster.subscribed.push(reads);
        }
    }
    let service = app.serve().with_shutdown(stopped).into_future();
    let service = service.map(|ended| ended.map(drop).map_err(told)).boxed();
    Prepared { clusters, service, set_up: is_up.map(drop).boxed() }
}

/// Why an app failed, with everything that is said of it.
fn told(failure: Failure) -> Error {
    Error::new(failure.kind(), failure.to_string()).with_source(failure)
}
