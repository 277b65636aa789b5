use milena::{Router, each};

async fn handler(_: String, _: std::time::Duration) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
