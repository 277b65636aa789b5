use milena::{Batch, Error, Kafka, Retry, Router, batch, each, extract::Ack};
use std::{io, time::Duration};

async fn store(Batch(rows): Batch<String>) -> io::Result<()> {
    println!("{} rows", rows.len());
    Ok(())
}

async fn import(line: String, ack: Ack) {
    match line.as_str() {
        "" => ack.fail("an empty line"),
        _ => ack.done(),
    }
}

pub fn app() -> Router {
    let store =
        batch(store).max_records(500).max_wait(Duration::from_millis(200)).retry(Retry::forever());
    Router::new("importer")
        .subscribe("rows", store)
        .subscribe("lines", each(import).skip_failures())
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
