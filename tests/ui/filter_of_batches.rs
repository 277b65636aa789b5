use milena::{Batch, Record, Router, batch};

async fn handler(_: Batch<String>) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", batch(handler).when(|_: &Record| true));
}
