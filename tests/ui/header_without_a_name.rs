use milena::{Router, each, extract::Header};

async fn handler(_: Header<String>) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
