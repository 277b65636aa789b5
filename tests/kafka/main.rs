//! Milena on a real Kafka: `KAFKA_BROKERS` names it, and `scripts/kafka` starts one. Without it the
//! tests are skipped, unless `MILENA_REQUIRE_KAFKA=1`, but for those on librdkafka's mock cluster.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "these are tests"
)]

mod app;
mod config;
mod conformance;
mod driver;
mod faults;
mod keyed;
mod kit;
mod publisher;
mod quickstart;
mod requests;
mod topics;
