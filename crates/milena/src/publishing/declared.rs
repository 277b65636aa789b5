use super::{PublishLayers, layered};
use milena_core::reply::{Binding, Outlet, Publish};
use std::{panic::Location, sync::Arc};

/// A publisher that was declared at assembly.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    binding: Arc<Binding>,
    layers: PublishLayers,
    pub(crate) at: &'static Location<'static>,
}

impl Declared {
    #[track_caller]
    pub(crate) fn new(to: Publish) -> Self {
        let layers = PublishLayers::default();
        Self { binding: Binding::new(to), layers, at: Location::caller() }
    }

    pub(crate) fn binding(&self) -> &Arc<Binding> {
        &self.binding
    }

    /// The same with this before the names of its topics, and these layers around it.
    pub(crate) fn within(&self, prefix: &str, layers: PublishLayers) -> Self {
        if !prefix.is_empty() {
            self.binding.prefix(prefix);
        }
        Self { layers, ..self.clone() }
    }

    /// Where it publishes to, as it was declared.
    pub(crate) fn declaration(&self) -> &Publish {
        self.binding.declared()
    }

    /// Where it publishes to.
    pub(crate) fn target(&self) -> Arc<Publish> {
        self.binding.target()
    }

    /// Has it publish through this.
    pub(crate) fn bind(&self, outlet: &Arc<Outlet>) {
        self.binding.bind(outlet_in(outlet, &self.layers));
    }
}

/// The outlet whose records go through these layers.
pub(crate) fn outlet_in(outlet: &Arc<Outlet>, layers: &PublishLayers) -> Arc<Outlet> {
    if layers.is_empty() {
        return outlet.clone();
    }
    Arc::new(outlet.through(layered(outlet.producer(), layers)))
}
