//! What reads bytes that others wrote: it never panics, and what it refuses is refused for that record alone.
//!
//! `MILENA_FUZZ_RUNS=1000000 cargo test -p milena-tests --test fuzz` takes its time; without it each target has a moment.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    missing_docs,
    reason = "these are tests"
)]

mod options;
#[path = "../../crates/milena-rdkafka/src/random.rs"]
mod random;
mod records;
mod service;
