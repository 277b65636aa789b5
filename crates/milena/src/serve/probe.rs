use crate::control::{Concern, Control};
use futures_util::future::join_all;
use milena_core::transport::Producer;
use std::{fmt, sync::Arc, time::Duration};
use tokio::{sync::watch, time::timeout};

/// How long a group may take to say how it is: its conductor waits for nothing.
const GROUP: Duration = Duration::from_secs(1);
/// How long a broker may take to answer.
const BROKER: Duration = Duration::from_secs(3);

/// How an app is, as [`Probe::check`] found it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AppHealth {
    /// Whether the app goes on: it has not ended, and no group is stuck. If it is not, start it again.
    pub live: bool,
    /// Whether it does its work: it is set up, every group knows its partitions, nothing stands still, and
    /// each cluster answers. If it is not, wait.
    pub ready: bool,
    /// Why it is not live or not ready; nothing otherwise.
    pub concerns: Vec<Concern>,
}

/// Asks a running app how it is; [`App::health`](crate::App::health) gives one.
///
/// It is a handle, for background tasks and web servers beside the app. It works at any time: an app that has
/// not started is live and not ready, and one that has ended is neither.
#[derive(Clone)]
pub struct Probe(watch::Receiver<Stage>);

/// How far an app has come.
#[derive(Clone)]
pub(crate) enum Stage {
    NotStarted,
    SettingUp,
    Running(Arc<Organs>),
    Ending(Arc<Organs>),
    Ended,
}

/// What of an app can be asked.
#[derive(Default)]
pub(crate) struct Organs {
    pub(super) clusters: Vec<(Arc<str>, Arc<dyn Producer>)>,
    pub(super) groups: Vec<(Arc<str>, Control)>,
}

impl Probe {
    pub(crate) fn new(stages: watch::Receiver<Stage>) -> Self {
        Self(stages)
    }

    /// Asks every group and every cluster, at the same time.
    ///
    /// It takes as long as the slowest, three seconds at most. What it costs a broker is one small request.
    ///
    /// ```
    /// # use milena::{App, serve::Shutdown};
    /// # use std::time::Duration;
    /// # let app = App::new("Billing", "1.4.0");
    /// let probe = app.health();
    /// let app = app.background("health", move |_| async move {
    ///     loop {
    ///         let health = probe.check().await;
    ///         println!("ready: {}, {:?}", health.ready, health.concerns);
    ///         tokio::time::sleep(Duration::from_secs(10)).await;
    ///     }
    /// });
    /// # drop(app);
    /// ```
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped at any time.
    pub async fn check(&self) -> AppHealth {
        let stage = match self.0.has_changed() {
            Ok(_) => self.0.borrow().clone(),
            // Who told of it is gone, in good order or not.
            Err(_) => Stage::Ended,
        };
        match stage {
            Stage::NotStarted => AppHealth::because(true, "the app has not started"),
            Stage::SettingUp => AppHealth::because(true, "the app is being set up"),
            Stage::Running(organs) => organs.health().await,
            Stage::Ending(organs) => {
                let mut health = organs.health().await;
                health.ready = false;
                health.concerns.insert(0, Concern::new(None, "the app is ending"));
                health
            }
            Stage::Ended => AppHealth::because(false, "the app has ended"),
        }
    }
}

impl AppHealth {
    fn because(live: bool, why: &str) -> Self {
        Self { live, ready: false, concerns: vec![Concern::new(None, why)] }
    }
}

impl Organs {
    async fn health(&self) -> AppHealth {
        let groups = join_all(self.groups.iter().map(|(cluster, it)| of_group(cluster, it)));
        let clusters = join_all(self.clusters.iter().map(|(name, it)| of_cluster(name, it)));
        let (groups, clusters) = tokio::join!(groups, clusters);
        let live = groups.iter().all(|(live, _)| *live);
        let concerns = groups.into_iter().flat_map(|(_, concerns)| concerns);
        let concerns: Vec<_> = concerns.chain(clusters.into_iter().flatten()).collect();
        AppHealth { live, ready: concerns.is_empty(), concerns }
    }
}

/// Whether the conductor of a group answers, and what it is concerned about.
async fn of_group(cluster: &str, control: &Control) -> (bool, Vec<Concern>) {
    let named = |text: &str| format!("{text} (cluster `{cluster}`, group `{}`)", control.group());
    match timeout(GROUP, control.health()).await {
        Ok(Ok(health)) => {
            let missing = (!health.has_assignment).then(|| {
                Concern::new(None, named("the group has not said which partitions it has"))
            });
            let concerns = health.concerns.into_iter();
            let concerns = concerns.map(|it| Concern::new(it.partition, named(&it.text)));
            (true, missing.into_iter().chain(concerns).collect())
        }
        Ok(Err(error)) => (true, vec![Concern::new(None, named(&error.to_string()))]),
        Err(_) => {
            let text = named(&format!("the group has not answered for {GROUP:?}: it is stuck"));
            (false, vec![Concern::new(None, text)])
        }
    }
}

async fn of_cluster(name: &str, producer: &Arc<dyn Producer>) -> Option<Concern> {
    let why = match timeout(BROKER, producer.reach(BROKER)).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("could not reach a broker: there was no answer in {BROKER:?}"),
    };
    Some(Concern::new(None, format!("{why} (cluster `{name}`)")))
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}
