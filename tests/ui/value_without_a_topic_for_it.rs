use milena::{Json, Router, each};

async fn handler(text: String) -> Json<String> {
    Json(text)
}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
