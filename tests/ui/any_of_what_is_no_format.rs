use milena::{Json, Router, each, extract::AnyOf};

async fn handler(_: AnyOf<Json<u64>, u64>) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
