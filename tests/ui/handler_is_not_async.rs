use milena::{Router, each};

fn handler(_: String) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
