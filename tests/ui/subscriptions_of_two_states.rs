use milena::{Router, State, each, router::subscription};

async fn one(_: State<u32>) {}
async fn other(_: State<String>) {}

fn main() {
    let _: Router<u32> = Router::new("group")
        .subscribe_all([subscription("one", each(one)), subscription("other", each(other))]);
}
