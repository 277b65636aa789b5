use milena::{Router, each};

async fn handler() -> std::time::Duration {
    std::time::Duration::ZERO
}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler).publish_to("replies"));
}
