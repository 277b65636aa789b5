use milena::{App, Json, Kafka, each, serve::Contact};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;

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

async fn on_orders(Json(order): Json<Order>) -> Json<Invoice> {
    Json(Invoice { order: order.id, cents: order.cents })
}

pub fn app() -> App {
    App::new("Billing", "1.0.0")
        .description("Makes invoices of orders.")
        .contact(Contact::new("Billing team").email("billing@example.com"))
        .cluster("localhost", Kafka::new("localhost:9092"))
        .cluster("production", Kafka::new("kafka.example.com:9092"))
        .group("billing")
        .consumes(each(on_orders).publish_to("invoices"))
}

#[tokio::main]
pub async fn main() -> ExitCode {
    app().run().await // `MILENA_CLUSTER=production` chooses the other
}
