use milena::{Json, Router, each};
use serde::Deserialize;

#[derive(Deserialize)]
struct Order {}

async fn handler(_: Json<Order>) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
