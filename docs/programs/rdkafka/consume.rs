use milena::{Error, Json, Kafka, Router, each};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Greeting {
    pub name: String,
}

async fn hello(Json(greeting): Json<Greeting>) {
    println!("Hello, {}!", greeting.name);
}

pub fn app() -> Router {
    Router::new("greeter").subscribe("greetings", each(hello).skip_failures())
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
