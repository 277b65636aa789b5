use super::Described;
use crate::{
    publishing::PublishLayers,
    route::{Maps, Route},
    subscriber::Given,
};
use std::{panic::Location, sync::Arc};

type Wrap = Arc<dyn Fn(&Described<'_>, Route) -> Route + Send + Sync>;

/// What is said of a router for everything in it, whenever that was added.
#[derive(Clone)]
pub(crate) struct Scope {
    /// What stands before the names of topics, and where that was said.
    pub(super) prefix: Option<(Arc<str>, &'static Location<'static>)>,
    /// Innermost first.
    pub(super) layers: Vec<Wrap>,
    pub(super) publish_layers: PublishLayers,
    pub(super) maps: Maps,
    pub(super) given: Given,
    pub(super) include_in_schema: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            prefix: None,
            layers: Vec::new(),
            publish_layers: PublishLayers::default(),
            maps: Maps::default(),
            given: Given::default(),
            include_in_schema: true,
        }
    }
}

/// The scopes around something in a router, innermost first.
#[derive(Clone, Default)]
pub(crate) struct Scopes(Vec<Arc<Scope>>);

impl Scopes {
    /// The same within one more.
    pub(super) fn within(&self, outer: &Arc<Scope>) -> Self {
        let mut scopes = self.clone();
        scopes.push(outer);
        scopes
    }

    pub(super) fn push(&mut self, outer: &Arc<Scope>) {
        self.0.push(outer.clone());
    }

    pub(super) fn outermost(&self) -> Option<&Arc<Scope>> {
        self.0.last()
    }

    /// What stands before the names of topics.
    pub(super) fn prefix(&self) -> String {
        let outer_first = self.0.iter().rev().filter_map(|scope| scope.prefix.as_ref());
        outer_first.map(|(prefix, _)| &**prefix).collect()
    }

    /// Where the prefixes were said, outer first.
    pub(super) fn prefixed_at(&self) -> impl Iterator<Item = &'static Location<'static>> {
        self.0.iter().rev().filter_map(|scope| Some(scope.prefix.as_ref()?.1))
    }

    /// What was said, where it was said innermost.
    pub(super) fn given(&self, own: &Given) -> Given {
        self.0.iter().fold(own.clone(), |given, scope| given.or(&scope.given))
    }

    /// What records are made into, outer first.
    pub(super) fn maps(&self) -> Maps {
        let mut maps = Maps::default();
        self.0.iter().rev().for_each(|scope| maps.extend(&scope.maps));
        maps
    }

    /// What published records go through, outer first.
    pub(super) fn publish_layers(&self) -> PublishLayers {
        let mut layers = PublishLayers::default();
        self.0.iter().for_each(|scope| layers.push_all(&scope.publish_layers));
        layers
    }

    pub(super) fn include_in_schema(&self) -> bool {
        self.0.iter().all(|scope| scope.include_in_schema)
    }

    pub(super) fn has_layers(&self) -> bool {
        self.0.iter().any(|scope| !scope.layers.is_empty())
    }

    /// The route in all layers, of which those of the outer scopes are outermost.
    pub(super) fn wrap(&self, described: &Described<'_>, route: Route) -> Route {
        let wraps = self.0.iter().flat_map(|scope| &scope.layers);
        wraps.fold(route, |route, wrap| wrap(described, route))
    }
}
