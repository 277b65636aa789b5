//! One file of tests for every broker: the embedded one, and a real Kafka when `MILENA_TEST_BROKER` names it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "these are tests")]

mod answers;
mod app;
mod asserts;
mod calls;
mod failures;
mod isolation;
mod sends;
mod service;
mod stand_ins;

use milena::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::Write as _;

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Invoice {
    pub(crate) order: u64,
}

pub(crate) async fn bill(Json(order): Json<Order>) -> Json<Invoice> {
    Json(Invoice { order: order.id })
}

pub(crate) fn order(id: u64) -> Json<Order> {
    Json(Order { id })
}

/// Says past what captures the output of tests which broker they ran on.
#[test]
fn the_broker_is_said() {
    let broker = std::env::var("MILENA_TEST_BROKER").unwrap_or_else(|_| "memory://".to_owned());
    let line = format!("the tests of every broker ran on {broker}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
