//! Apache Kafka as a transport of Milena, through librdkafka.

mod address;
mod consumer;
mod error;
mod kafka;
mod log;
mod native;
mod offload;
mod options;
mod producer;
mod promise;
#[cfg(test)]
#[allow(dead_code, reason = "without features not all of it is used")]
mod random;
mod security;
mod topics;
mod transactions;

pub use kafka::Kafka;
pub use milena_core::transport::GroupProtocol;
#[cfg(feature = "client-credentials")]
pub use security::client_credentials::ClientCredentials;
