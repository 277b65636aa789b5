use milena::{Router, each};

async fn handler() {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler).max_records(5));
}
