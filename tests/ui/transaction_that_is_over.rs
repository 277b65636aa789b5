use milena::{Error, transport::{TransactionalProducer, Transport}};
use std::time::Duration;

async fn publish(kafka: &impl Transport) -> Result<(), Error> {
    let mut producer = TransactionalProducer::open(kafka, "id", Duration::from_secs(10)).await?;
    let transaction = producer.begin().await?;
    transaction.commit().await?;
    transaction.publish("totals", "17").await
}

fn main() {}
