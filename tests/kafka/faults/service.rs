//! A service under test, and what it writes down.

use crate::kit::STUCK;
use milena::{Error, Record, Router, serve, serve::Control};
use milena_core::{ProducerRecord, transport::Transport};
use milena_rdkafka::Kafka;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::oneshot, task::JoinHandle};

/// A service that runs in a task of its own.
pub(super) struct Service {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

impl Service {
    pub(super) fn start(kafka: &(impl Transport + Clone), router: Router) -> Self {
        Self::start_with_control(kafka, router).0
    }

    /// Starts it, and gives what steers its only group.
    pub(super) fn start_with_control(
        kafka: &(impl Transport + Clone),
        router: Router,
    ) -> (Self, Control) {
        let group = router.operations().next().expect("it subscribes").group.to_owned();
        let (stop, stopped) = oneshot::channel();
        let service = serve(kafka.clone(), router);
        let control = service.control(&group);
        let service = service.with_shutdown(async {
            // A test that drops the other end wants it to run on.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        (Self { stop, task: tokio::spawn(service.into_future()) }, control)
    }

    /// Asks it to stop, and says how it ended.
    pub(super) async fn stop(self) -> Result<(), Error> {
        // It may have ended already, and tells that now.
        let _ = self.stop.send(());
        finished(self.task).await
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(self) -> Result<(), Error> {
        let _kept = self.stop;
        finished(self.task).await
    }

    /// Whether it has not ended.
    pub(super) fn is_running(&self) -> bool {
        !self.task.is_finished()
    }
}

async fn finished(task: JoinHandle<Result<(), Error>>) -> Result<(), Error> {
    tokio::time::timeout(STUCK, task).await.expect("the service ends").unwrap()
}

/// Which records handlers were called with: partition and offset, in the order of the calls.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Vec<(i32, i64)>>>);

impl Calls {
    pub(super) fn add(&self, record: &Record) {
        self.0.lock().unwrap().push((record.partition(), record.offset()));
    }

    /// The offsets of the calls with records of this partition.
    pub(super) fn of(&self, partition: i32) -> Vec<i64> {
        let calls = self.0.lock().unwrap();
        calls.iter().filter(|call| call.0 == partition).map(|call| call.1).collect()
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Looks again and again until it is so, for what no event tells of.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let done = tokio::time::timeout(STUCK, looking).await;
    assert!(done.is_ok(), "waited {STUCK:?} in vain until {what}");
}

/// Writes these records.
pub(super) async fn write(kafka: &Kafka, records: Vec<ProducerRecord>) {
    kafka.producer().await.unwrap().send_all(records).await.unwrap();
}

/// Records with these values for a partition.
pub(super) fn valued(topic: &Arc<str>, partition: i32, values: &[&str]) -> Vec<ProducerRecord> {
    let record = ProducerRecord::new(topic.clone()).partition(partition);
    values.iter().map(|value| record.clone().value((*value).to_owned())).collect()
}
