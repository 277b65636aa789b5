//! Milena on a Kafka that asks who a client is: `scripts/kafka up --secure` starts one. Without it the tests
//! are skipped, unless `MILENA_REQUIRE_KAFKA=1`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "these are tests"
)]

mod acls;
mod child;
mod cluster;
#[cfg(feature = "kerberos")]
mod kerberos;
mod leaks;
mod mechanisms;
mod relay;
mod rights;
mod service;
mod tls;
mod token_server;
mod tokens;
