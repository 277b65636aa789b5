use milena::{Router, State, each};
use milena::Memory;

async fn handler(_: State<u32>) {}

fn main() {
    let router = Router::new("group").subscribe("topic", each(handler));
    let _ = milena::serve(Memory::new(), router);
}
