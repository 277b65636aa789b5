#![doc = include_str!("docs/crate.md")]

mod connect;
mod route;
mod router;
mod runtime;
mod serve;
mod subscriber;

pub use self::{
    connect::connect,
    route::Route,
    router::{Router, Topics},
    serve::{Serve, serve},
    subscriber::{AckPolicy, Retry, Subscriber, batch, by_partition, each},
};
#[cfg(feature = "json")]
pub use milena_core::Json;
pub use milena_core::{
    Error, FromRecord, Headers, IntoOutcome, IntoRecords, Outcome, Publisher, Record,
    extract::{Ack, Batch, Key, Metadata, State},
    publish,
};
pub use milena_core::{error, extract, handler, record, reply, transport};
#[cfg(feature = "memory")]
pub use milena_memory::Memory;
#[cfg(feature = "kafka")]
pub use milena_rdkafka::Kafka;
