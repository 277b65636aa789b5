use milena::{Error, transport::{TransactionalProducer, Transport}};
use std::time::Duration;

async fn publish(kafka: &impl Transport) -> Result<(), Error> {
    let mut producer = TransactionalProducer::open(kafka, "id", Duration::from_secs(10)).await?;
    let one = producer.begin().await?;
    let other = producer.begin().await?;
    other.commit().await?;
    one.commit().await
}

fn main() {}
