//! What a user would write by hand over rdkafka, with the same work and the same options.

pub mod pipeline;
pub mod raw;
pub mod request;
pub mod stream;
pub mod transactions;
