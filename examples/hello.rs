//! What is the least there is to write?

use milena::{Json, Kafka, Router, each};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Greeting {
    name: String,
}

#[expect(clippy::print_stdout, reason = "this is a program")]
async fn hello(Json(greeting): Json<Greeting>) {
    println!("Hello, {}!", greeting.name);
}

#[tokio::main]
async fn main() -> Result<(), milena::Error> {
    let router = Router::new("greeter").subscribe("greetings", each(hello));
    milena::serve(Kafka::new("localhost:9092"), router).await
}
