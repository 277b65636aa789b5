//! What consumers and producers are configured with: a typed setter for each option, checked together.
//!
//! [`ConsumerConfig`] and [`ProducerConfig`] say what differs from Milena's defaults. What would take a
//! guarantee away has a setter, too, where one looks for it, and is refused with what to use instead.

mod check;
mod client;
mod consumer;
mod defaults;
mod guarantees;
mod options;
mod producer;
mod values;

use self::{client::client_options, options::Options};
pub use self::{
    consumer::ConsumerConfig,
    options::is_secret,
    producer::ProducerConfig,
    values::{Acks, Assignment, Compression, GroupProtocol, IsolationLevel, Partitioner},
};

use crate::error::{Error, ErrorKind};

fn refused(option: &str, why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("could not use option `{option}`: {why}"))
}

#[cfg(test)]
mod tests;
