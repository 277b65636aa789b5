//! What is there before the first record, and what runs beside the handlers?

use milena::{
    App, Kafka, Router, each,
    error::BoxError,
    extract::Extension,
    serve::{Running, Shutdown},
    transport::Transport,
};
use std::{
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Stands for a pool of connections.
#[derive(Clone, Default)]
struct Pool(Arc<Mutex<Vec<String>>>);

impl Pool {
    fn write(&self, line: &str) {
        self.0.lock().unwrap_or_else(|broken| broken.into_inner()).push(line.to_owned());
    }
}

async fn store(line: String, Extension(pool): Extension<Pool>) {
    pool.write(&line);
}

/// The pool is open before the first record is delivered, and is closed behind the last commit.
async fn open(pool: Pool, running: Running) -> Result<(), BoxError> {
    pool.write("open");
    running.provide(pool.clone());
    running.until_end().await;
    pool.write("close");
    Ok(())
}

/// Runs beside the handlers; if it failed, the service would end and say so.
async fn tidy(pool: Pool, shutdown: Shutdown) {
    while !shutdown.has_begun() {
        pool.write("tidy");
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
            () = shutdown.begun() => {}
        }
    }
}

fn app(cluster: impl Transport, pool: Pool) -> App {
    let tidied = pool.clone();
    App::new("Importer", "1.0.0")
        .cluster("main", cluster)
        .router(Router::new("importer").subscribe("lines", each(store)))
        .lifespan(|running| open(pool, running))
        .background("tidy", |shutdown| tidy(tidied, shutdown))
}

#[tokio::main]
async fn main() -> ExitCode {
    app(Kafka::new("localhost:9092"), Pool::default()).run().await
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn the_pool_is_there_for_all_lines_and_is_tidied_beside_them() {
    let pool = Pool::default();
    let test = milena_test::TestApp::start(app(milena::Memory::new(), pool.clone())).await;

    test.publish("lines", vec!["one", "two"]).await;
    test.stop().await.unwrap();

    let done = pool.0.lock().unwrap().clone();
    assert_eq!((done.first(), done.last()), (Some(&"open".into()), Some(&"close".into())));
    for line in ["one", "two", "tidy"] {
        assert!(done.contains(&line.to_owned()), "{done:?} has no `{line}`");
    }
}
