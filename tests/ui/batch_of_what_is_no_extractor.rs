use milena::{Batch, Router, batch};

async fn handler(_: Batch<bool>) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", batch(handler));
}
