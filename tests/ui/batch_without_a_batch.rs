use milena::{Router, batch};

async fn handler(_: String) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", batch(handler));
}
