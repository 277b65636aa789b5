//! Apps: clusters, lifespans, background tasks, how it ends.

mod added;
mod background;
mod benchmark;
mod clusters;
mod consumes;
mod ended;
mod health;
mod info;
mod lifespan;
mod produces;
mod stuck;

use milena::{
    App,
    serve::{Ended, Failure},
};
use milena_core::ProducerRecord;
use milena_memory::Memory;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::oneshot, task::JoinHandle};

pub(crate) const MS: Duration = Duration::from_millis(1);

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// An app that runs.
pub(crate) struct Running {
    running: JoinHandle<Result<Ended, Failure>>,
    stop: oneshot::Sender<()>,
}

impl Running {
    pub(crate) fn start(app: App) -> Self {
        let (stop, stopped) = oneshot::channel();
        let service = app.serve().with_shutdown(async {
            let _ = stopped.await;
        });
        Self { running: tokio::spawn(service.into_future()), stop }
    }

    /// Asks it to stop, and waits for its end.
    pub(crate) async fn stop(self) -> Result<Ended, Failure> {
        let _ = self.stop.send(());
        self.running.await.unwrap()
    }

    /// Waits until it ends by itself.
    pub(crate) async fn end(self) -> Result<Ended, Failure> {
        let Self { running, stop } = self;
        let ended = running.await.unwrap();
        drop(stop);
        ended
    }
}

/// Waits until something is so that changes with the broker.
pub(crate) async fn until(broker: &Memory, is_so: impl Fn() -> bool) {
    loop {
        let changed = broker.changed();
        if is_so() {
            return;
        }
        changed.await;
    }
}

pub(crate) fn produce(broker: &Memory, topic: &str, values: &[&'static str]) {
    for value in values {
        broker.produce(ProducerRecord::new(topic).value(*value)).unwrap();
    }
}

/// The message of the panic that an assembly ends with.
pub(crate) fn refused<T>(assemble: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(assemble)) else {
        panic!("it can be assembled");
    };
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| Some((*payload.downcast_ref::<&str>()?).to_owned())).unwrap()
}
