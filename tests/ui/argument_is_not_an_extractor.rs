use milena::{Router, each};

async fn handler(_: bool) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
