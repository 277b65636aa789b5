use milena::{Router, each};

async fn handler(text: String) -> (bool, String) {
    (true, text)
}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler).publish_to("replies"));
}
