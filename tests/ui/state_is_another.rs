use milena::{Router, State, each};

async fn handler(_: State<String>) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler)).with_state(7_u32);
}
