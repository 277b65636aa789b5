use milena::{Json, Router, each};
use schemars::JsonSchema;

#[derive(JsonSchema)]
struct Order {}

async fn handler(_: Json<Order>) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
