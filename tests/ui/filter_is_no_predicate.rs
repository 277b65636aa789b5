use milena::{Record, Router, each};

async fn handler() {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler).when(|record: &Record| record.key()));
}
