mod refusals;
mod setters;

use super::{ConsumerConfig, ProducerConfig};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn consumer() -> ConsumerConfig {
    ConsumerConfig::new()
}

fn producer() -> ProducerConfig {
    ProducerConfig::new()
}
