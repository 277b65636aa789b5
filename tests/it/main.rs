//! Services on the embedded broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "these are tests")]

#[path = "../../crates/milena-test/src/app.rs"]
mod app;
mod billing;
mod journey;
