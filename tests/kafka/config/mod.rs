//! What clients are configured with does what it says, on a real Kafka.

mod consumers;
mod producers;
