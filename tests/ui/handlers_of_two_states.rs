use milena::{Record, Router, State, each};

async fn one(_: State<u32>) {}
async fn other(_: State<String>) {}

fn main() {
    let _: Router<u32> = Router::new("group")
        .subscribe("topic", each(one).when(|record: &Record| record.key().is_some()).or(each(other)));
}
