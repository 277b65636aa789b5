//! Services on the embedded broker.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::excessive_nesting,
    missing_docs,
    reason = "these are tests"
)]

mod acks;
mod answers;
mod app;
mod askers;
mod assembly;
mod batches;
mod billing;
mod breaker;
mod codecs;
mod commits;
mod control;
mod counts;
mod dead_letters;
mod documents;
mod exactly_once;
mod extract;
mod failure;
mod filters;
mod groups;
mod isolation;
mod journey;
mod kit;
mod lanes;
mod layers;
mod listeners;
mod logs;
mod metrics;
mod options;
mod outcomes;
mod overlay;
mod publish_layers;
mod publishers;
mod refusals;
mod replies;
mod requests;
mod retry;
mod routers;
mod selections;
mod shutdown;
mod timeout;
mod traces;
mod transactions;
mod values;

/// Shows what a test logs, when `RUST_LOG` says so.
pub(crate) fn trace() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
}
