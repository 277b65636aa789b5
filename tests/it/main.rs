//! Services on the embedded broker.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::excessive_nesting,
    missing_docs,
    reason = "these are tests"
)]

mod acks;
mod assembly;
mod batches;
mod billing;
mod extract;
mod failure;
mod groups;
mod journey;
mod lanes;
mod layers;
mod replies;
mod shutdown;

/// Shows what a test logs, when `RUST_LOG` says so.
pub(crate) fn trace() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
}
