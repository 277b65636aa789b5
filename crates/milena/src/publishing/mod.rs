//! What stands between publishers and the producer of a driver.

mod declared;
mod layered;
mod outbox;

pub(crate) use self::{
    declared::{Declared, outlet_in},
    outbox::{Outbox, outside},
};
use layered::layered;

use milena_core::reply::PublishLayer;
use std::{fmt, sync::Arc};

/// Publish layers, outer first.
#[derive(Clone, Default)]
pub(crate) struct PublishLayers(Vec<Arc<dyn PublishLayer>>);

impl PublishLayers {
    /// Adds one around the others.
    pub(crate) fn push(&mut self, outer: Arc<dyn PublishLayer>) {
        self.0.insert(0, outer);
    }

    /// Adds those of what is around all this.
    pub(crate) fn push_all(&mut self, outer: &Self) {
        self.0.splice(0..0, outer.0.iter().cloned());
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<dyn PublishLayer>> {
        self.0.iter()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for PublishLayers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} publish layers", self.0.len())
    }
}
