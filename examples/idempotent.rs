//! How is a record that comes twice handled once?

use milena::{Error, Json, Kafka, Router, State, each, extract::Metadata};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Deposit {
    cents: u64,
}

/// Stands for a database with two tables that one transaction writes: what there is, and up to where
/// each partition was read. A record comes again after a crash, or when a partition moved in a hurry.
#[derive(Clone, Default)]
struct Database(Arc<Mutex<Tables>>);

#[derive(Default)]
struct Tables {
    balance: u64,
    read: HashMap<(String, i32), i64>,
}

impl Database {
    /// Adds the deposit, unless it was added before. Returns whether it was new.
    fn add(&self, cents: u64, from: &Metadata) -> bool {
        let mut transaction = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        let next = transaction.read.entry((from.topic.to_string(), from.partition)).or_default();
        let is_new = from.offset >= *next;
        if is_new {
            *next = from.offset + 1;
            transaction.balance += cents;
        }
        is_new
    }
}

async fn add(Json(deposit): Json<Deposit>, from: Metadata, State(database): State<Database>) {
    if !database.add(deposit.cents, &from) {
        tracing::info!(%from, "this deposit is there already");
    }
}

fn app(database: Database) -> Router {
    Router::new("accounts").subscribe("deposits", each(add)).with_state(database)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    milena::serve(Kafka::from_env()?, app(Database::default())).await
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn a_deposit_that_is_read_again_counts_once() {
    let database = Database::default();
    let test = milena_test::TestApp::start(app(database.clone())).await;
    test.publish("deposits", vec![Json(Deposit { cents: 7 }), Json(Deposit { cents: 9 })]).await;

    let first = milena::record::TopicPartition::new("deposits", 0);
    test.control("accounts").seek(&first, 0).await.unwrap(); // as after a crash before a commit
    test.publish("deposits", Json(Deposit { cents: 1 })).await;

    assert_eq!(database.0.lock().unwrap().balance, 17);
    assert_eq!(test.committed("accounts", "deposits"), 3);
}
