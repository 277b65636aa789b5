//! How are many records in work at once, and each key in order?

use milena::{Error, Json, Kafka, Key, Router, State, by_key, each};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Reading {
    degrees: i32,
    takes: u64,
}

type Log = Arc<Mutex<Vec<(String, i32)>>>;

async fn record(Key(sensor): Key<String>, Json(it): Json<Reading>, State(log): State<Log>) {
    // Stands for a call of another service.
    tokio::time::sleep(Duration::from_millis(it.takes)).await;
    log.lock().unwrap_or_else(|broken| broken.into_inner()).push((sensor, it.degrees));
}

/// Up to 64 calls at once: those of one sensor one after the other, and no sensor waits for another.
/// Offsets are committed up to the first record that is not done.
fn app(log: Log) -> Router {
    Router::new("weather")
        .subscribe("readings", each(record).concurrency(by_key(64)))
        .with_state(log)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    milena::serve(Kafka::from_env()?, app(Log::default())).await
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn a_slow_sensor_keeps_its_order_and_no_other_waits_for_it() {
    let log = Log::default();
    let test = milena_test::TestApp::start(app(log.clone())).await;
    let reading =
        |sensor: &str, degrees, takes| (Key(sensor.to_owned()), Json(Reading { degrees, takes }));

    let slow = [reading("roof", 1, 500), reading("roof", 2, 0)];
    test.publish("readings", slow.into_iter().chain([reading("cellar", 3, 0)]).collect::<Vec<_>>())
        .await;

    let of = |sensor: &str, degrees| (sensor.to_owned(), degrees);
    assert_eq!(*log.lock().unwrap(), [of("cellar", 3), of("roof", 1), of("roof", 2)]);
}
