use crate::{
    error::{Error, ErrorKind},
    reply::{Outlet, Publish, Publisher},
};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// What ties a [`Publisher`] that was declared at assembly to the service that it is part of.
///
/// A service binds it to an [`Outlet`] before the first record is delivered, and takes it off at the end.
pub struct Binding {
    declared: Publish,
    state: RwLock<State>,
}

struct State {
    target: Arc<Publish>,
    life: Life,
}

enum Life {
    NotStarted,
    Running(Arc<Outlet>),
    Ended,
}

impl Binding {
    /// One for this target, that no service has started.
    pub fn new(target: Publish) -> Arc<Self> {
        let state = State { target: Arc::new(target.clone()), life: Life::NotStarted };
        Arc::new(Self { declared: target, state: RwLock::new(state) })
    }

    /// A publisher that is tied by this.
    pub fn publisher<T>(self: &Arc<Self>) -> Publisher<T> {
        Publisher::bound(self.clone())
    }

    /// Where it publishes to, as it was declared.
    pub fn declared(&self) -> &Publish {
        &self.declared
    }

    /// Where it publishes to, prefixes applied.
    pub fn target(&self) -> Arc<Publish> {
        self.read().target.clone()
    }

    /// Has the names of its topics, as they were declared, begin with `prefix`.
    pub fn prefix(&self, prefix: &str) {
        self.write().target = Arc::new(self.declared.clone().prefixed(prefix));
    }

    /// The service has started: what is published goes here.
    pub fn bind(&self, outlet: Arc<Outlet>) {
        self.write().life = Life::Running(outlet);
    }

    /// The service has ended.
    pub fn unbind(&self) {
        self.write().life = Life::Ended;
    }

    /// What a publisher hands a record to, and for which target.
    pub(super) fn outlet(&self) -> (Arc<Publish>, Result<Arc<Outlet>, Error>) {
        let state = self.read();
        let outlet = match &state.life {
            Life::Running(outlet) => Ok(outlet.clone()),
            Life::NotStarted => Err("not started"),
            Life::Ended => Err("ended"),
        };
        let outlet = outlet.map_err(|what| {
            let topic = state.target.topic();
            let message = format!("could not publish to topic `{topic}`: the service has {what}");
            Error::new(ErrorKind::NotRunning, message)
        });
        (state.target.clone(), outlet)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Binding").field(self.target().topic()).finish()
    }
}

#[cfg(test)]
mod tests;
