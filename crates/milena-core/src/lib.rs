//! The core of Milena: what an author of an extractor, a codec or a driver needs, and nothing more.
//!
//! Services depend on the crate `milena`, which re-exports all of it. The crate knows no async
//! runtime and does no input or output.

pub mod error;
pub mod extract;
pub mod handler;
pub mod record;
pub mod reply;
pub mod transport;

#[cfg(feature = "json")]
pub use self::extract::Json;
pub use self::{
    error::{BoxError, Error},
    extract::FromRecord,
    handler::{Delivery, IntoOutcome, Operation, Outcome},
    record::{Headers, Record, Timestamp, TopicPartition},
    reply::{IntoRecords, ProducerRecord, Publish, Publisher, publish},
    transport::Transport,
};
