use milena::{Error, Json, Kafka, Router, each};
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

async fn bill(Json(order): Json<Order>) -> Json<Invoice> {
    Json(Invoice { order: order.id, cents: order.cents })
}

pub fn app() -> Router {
    Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"))
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
