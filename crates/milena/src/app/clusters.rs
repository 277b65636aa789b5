use milena_core::{
    error::{Error, ErrorKind},
    transport::Transport,
};
use std::sync::Arc;

/// The variable that names the default cluster.
const VARIABLE: &str = "MILENA_CLUSTER";

/// The clusters of an app, in the order in which they were added.
#[derive(Default)]
pub(super) struct Clusters {
    all: Vec<(Arc<str>, Arc<dyn Transport>)>,
    chosen: Option<Arc<str>>,
}

impl Clusters {
    pub(super) fn add(&mut self, name: Arc<str>, transport: Arc<dyn Transport>) {
        match self.all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = transport,
            None => self.all.push((name, transport)),
        }
    }

    pub(super) fn choose(&mut self, name: Arc<str>) {
        self.chosen = Some(name);
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(name, _)| &**name)
    }

    /// The cluster of this name, which there must be.
    #[track_caller]
    #[expect(clippy::panic, reason = "said at assembly, where a cluster is named")]
    pub(super) fn named(&self, name: &str) -> Arc<str> {
        match self.find(name) {
            Some(known) => known.clone(),
            None => panic!("the app has no cluster `{name}`: {}", self.listed()),
        }
    }

    /// The name of the default cluster: what was chosen, or what the environment says, or the first.
    pub(super) fn default_name(&self) -> Result<&Arc<str>, Error> {
        let refuse = |message: String| Err(Error::new(ErrorKind::Config, message));
        let Some((first, _)) = self.all.first() else {
            return refuse("could not serve the app: it has no cluster".into());
        };
        let (wanted, by) = match (&self.chosen, std::env::var_os(VARIABLE)) {
            (Some(chosen), _) => (chosen.to_string(), "`App::default_cluster`"),
            (None, Some(wanted)) => (wanted.to_string_lossy().into_owned(), VARIABLE),
            (None, None) => return Ok(first),
        };
        match self.find(&wanted) {
            Some(name) => Ok(name),
            None => refuse(format!(
                "could not use cluster `{wanted}` of {by}: the app has no such cluster; {}",
                self.listed()
            )),
        }
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (Arc<str>, Arc<dyn Transport>)> {
        self.all.into_iter()
    }

    fn find(&self, name: &str) -> Option<&Arc<str>> {
        self.all.iter().map(|(known, _)| known).find(|known| ***known == *name)
    }

    /// The names for a person to read.
    fn listed(&self) -> String {
        let names: Vec<_> = self.names().map(|name| format!("`{name}`")).collect();
        match &*names {
            [] => "it has none; `App::cluster` comes first".into(),
            names => format!("it has {}", names.join(", ")),
        }
    }
}
