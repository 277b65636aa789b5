use milena::{Router, each};

type S = String;

async fn handler(_: S, _: S, _: S, _: S, _: S, _: S, _: S, _: S, _: S) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
