use milena::{Error, Json, Kafka, Router, each};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Order {
    pub account: String,
    pub amount: i64,
}

async fn process(Json(order): Json<Order>) {
    println!("order for {}: {}", order.account, order.amount);
}

pub fn app() -> Router {
    Router::new("orders-app").subscribe("orders", each(process))
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
