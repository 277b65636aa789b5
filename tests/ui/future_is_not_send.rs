use milena::{Router, each};
use std::rc::Rc;

async fn wait() {}

async fn handler() {
    let local = Rc::new(1);
    wait().await;
    drop(local);
}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
