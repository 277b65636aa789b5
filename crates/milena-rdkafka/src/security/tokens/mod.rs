//! The token that all clients of a cluster share, and the thread that replaces it in time.

mod ask;
mod clients;
mod pace;

pub(crate) use self::clients::{Enrolled, Holder};
pub(super) use self::pace::Pace;

use self::{clients::Clients, pace::Tries};
use milena_core::{
    error::{Error, ErrorKind},
    transport::{DynTokenProvider, Token},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::Instant,
};
use tokio::runtime::Handle;

/// A token as the broker gets it.
pub(crate) struct Issued {
    pub(crate) token: Token,
    pub(crate) extensions: BTreeMap<String, String>,
}

/// What a provider gave out.
pub(crate) struct Tokens {
    provider: Arc<dyn DynTokenProvider>,
    pace: Pace,
    state: Mutex<State>,
    /// A client came or went, or the token is in doubt.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Issued>>,
    /// When to ask for the next one; `None` is at once.
    due: Option<Instant>,
    tries: Tries,
    failure: Option<Failure>,
    clients: Clients,
    /// Where the provider is called.
    runtime: Option<Handle>,
    runs: bool,
}

/// Why there is no token.
#[derive(Clone)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

impl Tokens {
    pub(super) fn new(provider: Arc<dyn DynTokenProvider>, pace: Pace) -> Self {
        Self { provider, pace, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Keeps the client supplied until what comes back is dropped. A token that is there it gets at once.
    pub(crate) fn enroll(self: &Arc<Self>, client: Weak<dyn Holder>) -> Result<Enrolled, Error> {
        let mut state = self.lock();
        if let Ok(runtime) = Handle::try_current() {
            state.runtime = Some(runtime);
        }
        let current = state.current.clone().filter(|it| it.token.validate().is_ok());
        if let (Some(current), Some(client)) = (&current, client.upgrade()) {
            give(&*client, current);
        }
        let id = state.clients.add(client);
        if !std::mem::replace(&mut state.runs, true) {
            let this = self.clone();
            let thread = thread::Builder::new().name("kafka-token".into());
            if let Err(error) = thread.spawn(move || this.run()) {
                state.runs = false;
                let message = format!("could not begin to ask for tokens: {error}");
                return Err(Error::new(ErrorKind::Driver, message).with_source(error));
            }
        }
        drop(state);
        self.changed.notify_all();
        Ok(Enrolled::new(self.clone(), id))
    }

    /// Why there is no token, if that is so.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.lock().failure.clone()
    }

    /// A broker refused the token, so another is asked for, unless it is a new one.
    pub(super) fn doubt(&self) {
        let mut state = self.lock();
        if state.tries.may_doubt() {
            state.due = None;
            drop(state);
            self.changed.notify_all();
        }
    }

    fn leave(&self, id: u64) {
        self.lock().clients.remove(id);
        self.changed.notify_all();
    }

    /// Asks for tokens as long as there is a client.
    fn run(&self) {
        let mut state = self.lock();
        while !state.clients.is_empty() {
            let now = Instant::now();
            if let Some(wait) = state.due.and_then(|due| due.checked_duration_since(now)) {
                let waited = self.changed.wait_timeout(state, wait);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let runtime = state.runtime.clone();
            drop(state);
            let answer = ask::ask(&self.provider, runtime.as_ref(), self.pace.timeout);
            state = self.lock();
            self.learn(&mut state, answer);
        }
        state.runs = false;
    }

    fn learn(&self, state: &mut State, answer: Result<Issued, Failure>) {
        match answer {
            Ok(issued) => {
                let lifetime = issued.token.lifetime();
                state.due = Some(Instant::now() + lifetime.mul_f64(self.pace.refresh_at));
                state.tries.succeeded();
                state.failure = None;
                let issued = Arc::new(issued);
                state.current = Some(issued.clone());
                tracing::debug!(
                    principal = issued.token.principal,
                    ?lifetime,
                    "a token was issued"
                );
                state.clients.each(|client| give(client, &issued));
            }
            Err(failure) => {
                let pause = state.tries.failed();
                state.due = Some(Instant::now() + pause);
                tracing::warn!(again = ?pause, "{}", failure.message);
                let valid = |current: &Arc<Issued>| current.token.validate().is_ok();
                // As long as there is one, nobody misses another.
                if !state.current.as_ref().is_some_and(valid) {
                    state.clients.each(|client| client.miss(&failure.message));
                }
                state.failure = Some(failure);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give(client: &dyn Holder, issued: &Issued) {
    if let Err(why) = client.hold(issued) {
        let message = format!("could not use a token: {why}");
        tracing::warn!("{message}");
        client.miss(&message);
    }
}

#[cfg(test)]
mod tests;
