//! A service as a whole: clusters, routers, and what lives as long as they do.

mod around;
mod clusters;
mod layers;
mod named;
mod parts;
mod publishers;
mod run;

use self::{clusters::Clusters, parts::Parts};
use crate::{
    publishing::{Declared, PublishLayers},
    router::{Described, Router},
    serve::{AppCluster, Background, Contact, Control, Info, License, Lifespan, Probe, Stage},
};
use milena_core::transport::Transport;
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::watch;

/// A service as a whole: its clusters, its routers, and what lives as long as they do.
///
/// For one cluster and nothing around its router, [`serve`](fn@crate::serve) is enough.
///
/// ```no_run
/// use milena::{App, Memory, Router, each, serve::Contact};
/// use std::process::ExitCode;
///
/// async fn bill() {}
///
/// fn app() -> App {
///     App::new("Billing", "1.4.0")
///         .description("Makes invoices of orders.")
///         .contact(Contact::new("Billing team").email("billing@example.com"))
///         .cluster("eu", Memory::new())
///         .router(Router::new("billing").subscribe("orders", each(bill)))
/// }
///
/// #[tokio::main]
/// async fn main() -> ExitCode {
///     app().run().await
/// }
/// ```
#[must_use = "an app does nothing until it is served"]
pub struct App {
    info: Info,
    clusters: Clusters,
    parts: Parts,
    publishers: Vec<Declared>,
    publish_layers: PublishLayers,
    replies: Option<Arc<str>>,
    lifespans: Vec<Lifespan>,
    tasks: Vec<Background>,
    group: Option<Arc<str>>,
    patience: Option<Duration>,
    stages: watch::Sender<Stage>,
}

impl App {
    /// An app without clusters and routers; title and version are for documents.
    pub fn new(title: impl Into<Arc<str>>, version: impl Into<Arc<str>>) -> Self {
        Self {
            info: Info::new(title.into(), version.into()),
            clusters: Clusters::default(),
            parts: Parts::default(),
            publishers: Vec::new(),
            publish_layers: PublishLayers::default(),
            replies: None,
            lifespans: Vec::new(),
            tasks: Vec::new(),
            group: None,
            patience: None,
            stages: watch::Sender::new(Stage::NotStarted),
        }
    }

    /// Says what the app is for.
    pub fn description(mut self, description: impl Into<Arc<str>>) -> Self {
        self.info.description = Some(description.into());
        self
    }

    /// Says whom to ask about the app.
    pub fn contact(mut self, contact: Contact) -> Self {
        self.info.contact = Some(contact);
        self
    }

    /// Says what the app may be used under.
    pub fn license(mut self, license: License) -> Self {
        self.info.license = Some(license);
        self
    }

    /// Says where the terms of service are.
    pub fn terms(mut self, url: impl Into<Arc<str>>) -> Self {
        self.info.terms = Some(url.into());
        self
    }

    /// What was said of the app.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Reaches the cluster of this name by `transport`, instead of by what was said for the name before.
    ///
    /// The first cluster is the default one, or the one that [`default_cluster`](Self::default_cluster) or the
    /// environment variable `MILENA_CLUSTER` names.
    pub fn cluster(mut self, name: impl Into<Arc<str>>, transport: impl Transport) -> Self {
        self.clusters.add(name.into(), Arc::new(transport));
        self
    }

    /// Has the cluster of this name be the default one, whatever `MILENA_CLUSTER` says. That there is one
    /// is checked when the app is served.
    pub fn default_cluster(mut self, name: impl Into<Arc<str>>) -> Self {
        self.clusters.choose(name.into());
        self
    }

    /// Adds the groups of `router`, which read from the default cluster.
    ///
    /// # Panics
    ///
    /// As [`Router::merge`] does, if a group of the same name was added before.
    #[track_caller]
    pub fn router(mut self, router: Router) -> Self {
        self.parts.add(None, router);
        self
    }

    /// Adds the groups of `router`, which read from this cluster. A group of the same name may read from
    /// another cluster: they have nothing to do with each other.
    ///
    /// ```
    /// use milena::{App, Memory, Router, each};
    ///
    /// async fn bill() {}
    ///
    /// let billing = || Router::new("billing").subscribe("orders", each(bill));
    /// let app = App::new("Billing", "1.4.0")
    ///     .cluster("eu", Memory::new())
    ///     .cluster("us", Memory::new())
    ///     .router_on("eu", billing())
    ///     .router_on("us", billing());
    /// ```
    ///
    /// # Panics
    ///
    /// If no [`cluster`](Self::cluster) of this name was added; as [`Router::merge`] does, if a group of the
    /// same name was added before.
    #[track_caller]
    pub fn router_on(mut self, cluster: &str, router: Router) -> Self {
        let cluster = self.clusters.named(cluster);
        self.parts.add(Some(cluster), router);
        self
    }

    /// A handle by which the app can be asked how it is: whether it is live and ready, and why not.
    pub fn health(&self) -> Probe {
        Probe::new(self.stages.subscribe())
    }

    /// Steers the group of this name while it runs.
    ///
    /// # Panics
    ///
    /// If no router has this group, or if it is on several clusters: then
    /// [`control_on`](Self::control_on) says which.
    #[track_caller]
    pub fn control(&self, group: &str) -> Control {
        self.parts.control(group, &self.clusters)
    }

    /// Steers the group of this name on this cluster while it runs.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn control_on(&self, cluster: &str, group: &str) -> Control {
        self.parts.control_on(cluster, group, &self.clusters)
    }

    /// The clusters, in the order in which they were added, with their groups.
    pub fn clusters(&self) -> impl Iterator<Item = AppCluster<'_>> {
        let default = self.clusters.default_name().ok();
        self.clusters.names().map(move |name| AppCluster {
            name,
            is_default: default.is_some_and(|default| **default == *name),
            operations: self.operations().filter(|(on, _)| *on == name).map(|(_, it)| it).collect(),
        })
    }

    /// What the subscriptions say of themselves, each with the name of its cluster.
    pub fn operations(&self) -> impl Iterator<Item = (&str, Described<'_>)> {
        let default = self.clusters.default_name().map_or("default", |name| name);
        self.parts.iter().flat_map(move |(cluster, router)| {
            let cluster = cluster.unwrap_or(default);
            router.operations().map(move |operation| (cluster, operation))
        })
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clusters: Vec<_> = self.clusters.names().collect();
        let routers: Vec<_> = self.parts.iter().collect();
        f.debug_struct("App")
            .field("info", &self.info)
            .field("clusters", &clusters)
            .field("routers", &routers)
            .finish_non_exhaustive()
    }
}
