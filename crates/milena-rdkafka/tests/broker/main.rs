//! The driver against a real Kafka: `KAFKA_BROKERS` names it, and without it nothing is tested.

mod closing;
mod commits;
mod consumer;
mod hand_over;
mod kit;
