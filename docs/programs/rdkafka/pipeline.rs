use milena::{Error, Kafka, Key, Router, each};

async fn shout(key: Option<Key<String>>, text: String) -> (Option<Key<String>>, String) {
    (key, text.to_uppercase())
}

pub fn app() -> Router {
    let shout = each(shout).publish_to("loud").dead_letters();
    Router::new("shouter").subscribe("quiet", shout)
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
