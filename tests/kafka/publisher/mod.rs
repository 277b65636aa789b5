//! What is published arrives as it was given, and what does not is told.

mod parts;
mod sending;

use milena::Publisher;
use milena_core::transport::Transport as _;
use milena_rdkafka::Kafka;

async fn publisher(kafka: &Kafka) -> Publisher {
    Publisher::new(kafka.producer().await.unwrap())
}
