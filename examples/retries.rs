//! What becomes of a record that fails?

use milena::{Error, Json, Kafka, Retry, Router, each, extract::Attempt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{io, time::Duration};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Parcel {
    to: String,
}

/// Nobody is at home at first, and one address does not exist.
async fn deliver(Json(parcel): Json<Parcel>, Attempt(attempt): Attempt) -> io::Result<()> {
    match (parcel.to.as_str(), attempt) {
        ("nowhere", _) => Err(io::Error::new(io::ErrorKind::NotFound, "no such address")),
        (_, 1..=2) => Err(io::Error::new(io::ErrorKind::TimedOut, "nobody opened the door")),
        _ => Ok(()),
    }
}

/// Five calls, from 200 ms apart to 10 s; then the record goes to `parcels.dead`, byte for byte. What
/// cannot be decoded goes there at once.
fn app() -> Router {
    let retry = Retry::exponential(5)
        .at_most(Duration::from_secs(10))
        .unless::<io::Error>(|error| error.kind() == io::ErrorKind::NotFound);
    Router::new("post").subscribe("parcels", each(deliver).retry(retry).dead_letters())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    milena::serve(Kafka::from_env()?, app()).await
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn a_parcel_that_cannot_be_delivered_is_a_dead_letter_that_says_why() {
    let test = milena_test::TestApp::start(app()).await;
    let parcel = |to: &str| Json(Parcel { to: to.to_owned() });

    test.publish("parcels", vec![parcel("ada"), parcel("nowhere")]).await;
    test.publish("parcels", "this is no parcel").await;

    let dead = test.records("parcels.dead");
    let told = |i: usize, name: &str| {
        let headers = dead[i].headers();
        String::from_utf8_lossy(headers.get(name).unwrap()).into_owned()
    };
    assert_eq!(dead.len(), 2);
    assert_eq!(told(0, "milena-dead-letter-error"), "no such address");
    assert_eq!(told(0, "milena-dead-letter-attempts"), "1");
    assert_eq!(dead[1].value(), Some(&b"this is no parcel"[..]));
    assert_eq!(test.committed("post", "parcels"), 3);
}
