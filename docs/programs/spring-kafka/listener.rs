use milena::{Error, Json, Kafka, Key, Router, by_key, each};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Order {
    pub id: u64,
    pub cents: u64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Invoice {
    pub order: u64,
    pub cents: u64,
}

async fn bill(
    Key(customer): Key<String>,
    Json(order): Json<Order>,
) -> (Key<String>, Json<Invoice>) {
    (Key(customer), Json(Invoice { order: order.id, cents: order.cents }))
}

pub fn app() -> Router {
    let bill = each(bill).concurrency(by_key(3)).publish_to("invoices").dead_letters();
    Router::new("billing").subscribe("orders", bill)
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
