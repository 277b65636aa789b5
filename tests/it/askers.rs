//! Who asks without end keeps no record from being done.

use milena::{Memory, Router, each, serve, serve::Control};
use milena_core::{ProducerRecord, error::Error};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{sync::oneshot, task::JoinHandle, time::sleep};

/// A service that does nothing with what it reads, how to ask it, and how to end it.
struct Served {
    control: Control,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

fn start(broker: Memory) -> Served {
    async fn nothing(_: String) {}
    let router = Router::new("g").commit_every(1).subscribe("t", each(nothing));
    let (stop, stopped) = oneshot::channel::<()>();
    let service = serve(broker, router).with_shutdown(async { drop(stopped.await) });
    let control = service.control("g");
    let task = tokio::spawn(service.into_future());
    Served { control, stop, task }
}

fn produce(broker: &Memory) {
    for _ in 0..200 {
        broker.produce(ProducerRecord::new("t").value("x")).unwrap();
    }
}

/// Waits until everything is done and committed.
async fn done(broker: &Memory) {
    while broker.committed("g", "t", 0) != Some(200) {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn askers_without_end_keep_no_record_from_being_done() {
    let (broker, answered) = (Memory::new(), Arc::<AtomicUsize>::default());
    let Served { control, stop, task } = start(broker.clone());
    for _ in 0..8 {
        let (control, answered) = (control.clone(), answered.clone());
        tokio::spawn(async move {
            while control.assignment().await.is_ok() {
                answered.fetch_add(1, SeqCst);
            }
        });
    }
    while answered.load(SeqCst) < 100 {
        sleep(Duration::from_millis(1)).await;
    }
    produce(&broker);

    done(&broker).await;
    drop(stop);
    task.await.unwrap().unwrap();

    eprintln!("fired: {} questions;", answered.load(SeqCst));
}
