use milena::{Key, Router, each};

async fn handler(_: Key<f64>) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
