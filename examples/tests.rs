//! Runs every example on the embedded broker, as the test in it says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    missing_docs,
    reason = "these are programs and their tests"
)]

mod batches;
mod by_key;
mod clusters;
mod exactly_once;
mod idempotent;
mod lifespan;
mod observed;
mod replies;
mod request_reply;
mod retries;
mod secured;
mod state;
mod testing;
