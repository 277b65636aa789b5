use super::clusters::Clusters;
use crate::{
    router::{Described, Router, Scope},
    serve::{Cluster, Control, Line, line_to},
};
use milena_core::error::{Error, ErrorKind};
use std::sync::Arc;

/// The routers of an app, one for each cluster.
pub(super) struct Parts {
    all: Vec<Part>,
    /// An empty router, of which is said what counts for all of them.
    around: Router,
}

impl Default for Parts {
    fn default() -> Self {
        Self { all: Vec::new(), around: Router::without_group() }
    }
}

/// What is read from a cluster; `None` is the default one, which is not known before the end.
struct Part {
    cluster: Option<Arc<str>>,
    router: Router,
    lines: Vec<Line>,
}

impl Parts {
    #[track_caller]
    pub(super) fn add(&mut self, cluster: Option<Arc<str>>, router: Router) {
        let at = self.all.iter().position(|part| part.cluster == cluster);
        let known = at.map(|at| self.all.remove(at));
        // What is said of one router counts for no other, so they are side by side in one of which nothing
        // is said.
        let Part { router: known, mut lines, .. } = known.unwrap_or_else(Part::empty);
        for Described { group, .. } in router.operations() {
            if !lines.iter().any(|line| line.control.group() == group) {
                lines.push(line_to(group));
            }
        }
        let part = Part { cluster, router: known.merge(router), lines };
        self.all.insert(at.unwrap_or(self.all.len()), part);
    }

    /// Says something of every router, whenever it is added.
    pub(super) fn say(&mut self, say: impl FnOnce(Router) -> Router) {
        self.around = say(std::mem::replace(&mut self.around, Router::without_group()));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<&str>, &Router)> {
        self.all.iter().map(|part| (part.cluster.as_deref(), &part.router))
    }

    #[track_caller]
    #[expect(clippy::panic, reason = "said at assembly, where a group is named once")]
    pub(super) fn control(&self, group: &str, clusters: &Clusters) -> Control {
        let found: Vec<_> = self.lines(group).collect();
        match &*found {
            [(_, line)] => line.control.clone(),
            [] => panic!("no router has the group `{group}`"),
            several => {
                let named = |cluster: &Option<Arc<str>>| match cluster {
                    Some(name) => format!("`{name}`"),
                    None => format!("`{}` (the default)", name_of(None, clusters)),
                };
                let on: Vec<_> = several.iter().map(|(cluster, _)| named(cluster)).collect();
                panic!(
                    "the group `{group}` is on the clusters {}: `control_on` says which",
                    on.join(", ")
                )
            }
        }
    }

    #[track_caller]
    #[expect(clippy::panic, reason = "said at assembly, where a group is named once")]
    pub(super) fn control_on(&self, cluster: &str, group: &str, clusters: &Clusters) -> Control {
        let mut lines = self.lines(group);
        let found = lines.find(|(on, _)| name_of(on.as_deref(), clusters) == cluster);
        match found {
            Some((_, line)) => line.control.clone(),
            None => panic!("no router has the group `{group}` on the cluster `{cluster}`"),
        }
    }

    /// Puts the routers on their clusters.
    pub(super) fn on(mut self, clusters: Clusters) -> Result<Vec<Cluster>, Error> {
        let default = clusters.default_name()?.clone();
        let mut all = Vec::new();
        for (name, transport) in clusters.into_iter() {
            let mut cluster = Cluster { name, transport, groups: Vec::new(), replies: None };
            for part in &mut self.all {
                if *part.cluster.as_ref().unwrap_or(&default) == cluster.name {
                    part.put_on(&mut cluster, self.around.scope())?;
                }
            }
            all.push(cluster);
        }
        Ok(all)
    }

    fn lines(&self, group: &str) -> impl Iterator<Item = (&Option<Arc<str>>, &Line)> {
        self.all.iter().flat_map(move |part| {
            let lines = part.lines.iter().filter(move |line| line.control.group() == group);
            lines.map(|line| (&part.cluster, line))
        })
    }
}

impl Part {
    fn empty() -> Self {
        Self { cluster: None, router: Router::without_group(), lines: Vec::new() }
    }

    fn put_on(&mut self, cluster: &mut Cluster, outer: &Scope) -> Result<(), Error> {
        let router = std::mem::replace(&mut self.router, Router::without_group());
        for group in router.within(outer).assembled()? {
            if cluster.groups.iter().any(|(known, _)| known.name == group.name) {
                let message = format!(
                    "could not serve group `{}`: it is on cluster `{1}` by name and on the default \
                     cluster, which is `{1}`",
                    group.name(),
                    cluster.name
                );
                return Err(Error::new(ErrorKind::Config, message));
            }
            let known = self.lines.iter().position(|line| line.control.group() == group.name());
            let line = known.map(|known| self.lines.swap_remove(known));
            let line = line.unwrap_or_else(|| line_to(group.name()));
            cluster.groups.push((group, line));
        }
        Ok(())
    }
}

/// The name of a cluster as far as it is known.
fn name_of<'a>(cluster: Option<&'a str>, clusters: &'a Clusters) -> &'a str {
    cluster.unwrap_or_else(|| clusters.default_name().map_or("default", |name| name))
}
