//! Measures Milena against what a user would write by hand over rdkafka.
//!
//! Each measurement is a process of its own, which does one job and prints what it saw; `run` starts
//! them in turn, so that a machine that changes its speed changes it for all.

pub mod client;
pub mod job;
pub mod latency;
pub mod machine;
pub mod many;
pub mod memory;
pub mod milena;
pub mod payload;
pub mod reference;
pub mod report;
pub mod request;
pub mod scenario;
pub mod slow;
pub mod topics;
pub mod transactions;
