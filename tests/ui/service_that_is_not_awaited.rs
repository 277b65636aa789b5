#![deny(unused_must_use)]
use milena::{Memory, Router, each};

async fn handler() {}

#[tokio::main]
async fn main() {
    milena::serve(Memory::new(), Router::new("group").subscribe("topic", each(handler)));
}
