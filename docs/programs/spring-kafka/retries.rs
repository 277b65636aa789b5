use milena::{Error, Kafka, Retry, Router, each, record::Headers};
use std::time::Duration;

async fn pay(payment: String) -> anyhow::Result<()> {
    anyhow::ensure!(payment != "large", "the bank said no");
    Ok(())
}

async fn report(payment: String, headers: Headers) {
    let why = headers.get("milena-dead-letter-error").unwrap_or_default();
    println!("{payment} was not paid: {}", String::from_utf8_lossy(why));
}

pub fn app() -> Router {
    let retry = Retry::exponential(4).starting_at(Duration::from_secs(1));
    Router::new("payments")
        .subscribe("payments", each(pay).retry(retry).dead_letters())
        .subscribe("payments.dead", each(report).skip_failures())
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
