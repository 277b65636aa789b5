use milena::{Batch, Error, Json, Kafka, Outcome, Router, batch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Row {
    pub id: i64,
}

async fn store(Batch(rows): Batch<Json<Row>>) -> Vec<Outcome> {
    let outcome = |Json(row): &Json<Row>| match row.id {
        ..0 => Outcome::dead_letter("the id is negative"),
        _ => Outcome::done(),
    };
    rows.iter().map(outcome).collect()
}

pub fn app() -> Router {
    Router::new("loader").subscribe("rows", batch(store).max_records(500).dead_letters())
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
