use milena::{Outcome, Router, each};

async fn handler(_text: String) -> Vec<Outcome> {
    vec![Outcome::done()]
}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
