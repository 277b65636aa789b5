//! How are many records handled at once?

use milena::{Batch, Error, Json, Kafka, Outcome, Router, State, batch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Click {
    page: String,
}

/// Stands for a database that takes many rows at once.
type Table = Arc<Mutex<Vec<Vec<Click>>>>;

/// One write for all; each click is settled for itself, so that a bad one holds up nobody.
async fn store(Batch(clicks): Batch<Json<Click>>, State(table): State<Table>) -> Vec<Outcome> {
    let outcome = |click: &Click| match click.page.as_str() {
        "" => Outcome::dead_letter("a click on no page"),
        _ => Outcome::done(),
    };
    let rows: Vec<_> = clicks.into_iter().map(|Json(click)| click).collect();
    let outcomes = rows.iter().map(outcome).collect();
    let good = rows.into_iter().filter(|click| !click.page.is_empty()).collect();
    table.lock().unwrap_or_else(|broken| broken.into_inner()).push(good);
    outcomes
}

/// A batch has up to 500 records of a partition, or what came in 200 ms.
fn app(table: Table) -> Router {
    let store = batch(store).max_records(500).max_wait(Duration::from_millis(200)).dead_letters();
    Router::new("analytics").subscribe("clicks", store).with_state(table)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    milena::serve(Kafka::from_env()?, app(Table::default())).await
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn clicks_are_written_together_and_a_bad_one_is_a_dead_letter() {
    let table = Table::default();
    let test = milena_test::TestApp::start(app(table.clone())).await;
    let click = |page: &str| Json(Click { page: page.to_owned() });

    test.publish("clicks", vec![click("/"), click(""), click("/about")]).await;

    assert_eq!(*table.lock().unwrap(), [vec![click("/").0, click("/about").0]]);
    assert_eq!(test.published::<Click>("clicks.dead"), [click("").0]);
}
