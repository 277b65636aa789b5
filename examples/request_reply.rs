//! How does a service ask another, and get an answer?

use milena::{Error, Json, Kafka, Publisher, Router, State, each, publish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Price {
    cents: u64,
}

/// Answers whoever asks: where to, the question says in its headers.
async fn price(tea: String) -> Json<Price> {
    Json(Price { cents: if tea == "mint" { 300 } else { 500 } })
}

/// Asks. No answer in time is an error, with the policy of every other.
async fn order(tea: String, State(prices): State<Publisher<String>>) -> Result<String, Error> {
    let Json(Price { cents }) = prices.request(tea.clone(), Duration::from_secs(5)).await?;
    Ok(format!("{tea}: {cents} cents"))
}

/// Two services that need not run in one process. Each instance that asks reads one partition of `answers`.
fn app() -> Router {
    let mut shop = Router::new("shop").subscribe("orders", each(order).publish_to("bills"));
    let prices = shop.publisher(publish("prices").reply_to("answers").schema());
    let answering = Router::new("prices").subscribe("prices", each(price).answer());
    shop.with_state(prices).merge(answering)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    milena::serve(Kafka::from_env()?, app()).await
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn an_order_has_the_price_that_the_other_service_said() {
    let broker = milena::Memory::new();
    broker.create_topic("answers", 3);
    let test = milena_test::TestApp::start_on(broker, app()).await;

    test.publish("orders", vec!["mint", "earl grey"]).await;

    let bills: Vec<_> =
        test.records("bills").iter().map(|it| it.value().unwrap().to_vec()).collect();
    assert_eq!(bills, [&b"mint: 300 cents"[..], b"earl grey: 500 cents"]);
    assert_eq!(test.records("answers").len(), 2);
}
