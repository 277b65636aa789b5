//! Services on a Kafka behind a proxy that knows its requests: each test makes sure that its fault fired.

mod cluster;
mod commits;
mod copies;
mod frames;
mod killed;
mod link;
mod network;
mod plan;
mod transactions;

use std::hash::{BuildHasher as _, RandomState};

/// A number from 0 to 1.
fn random() -> f64 {
    (RandomState::new().hash_one(()) >> 11) as f64 / (1_u64 << 53) as f64
}
