#![doc = include_str!("docs/crate.md")]

mod app;
mod control;
pub mod layers;
mod listener;
#[cfg(not(feature = "planted"))]
mod planted;
#[cfg(feature = "planted")]
#[doc(hidden)]
pub mod planted;
mod publishing;
pub mod record;
mod request;
mod route;
pub mod router;
mod runtime;
pub mod serve;
mod subscriber;
pub mod transport;

pub use self::{
    app::App,
    router::Router,
    serve::serve,
    subscriber::{Retry, batch, by_key, each, unordered},
};
#[cfg(feature = "json")]
pub use milena_core::Json;
pub use milena_core::{error, extract};
pub use milena_core::{
    error::Error,
    extract::{Batch, Key, State},
    handler::Outcome,
    record::Record,
    reply::{Publisher, publish},
};
#[cfg(feature = "memory")]
pub use milena_memory::Memory;
#[cfg(feature = "kafka")]
pub use milena_rdkafka::Kafka;
