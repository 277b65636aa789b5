use milena::{
    Error, Kafka, Record, Router, each,
    extract::{FromRecord, Rejection},
    layers::from_extractor,
};
use std::time::Instant;
use tower::util::MapFutureLayer;

/// A tenant that is known.
struct Tenant;

impl<S: Sync> FromRecord<S> for Tenant {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _: &S) -> Result<Self, Rejection> {
        match record.header("tenant").as_deref() {
            Some(b"ada" | b"grace") => Ok(Self),
            _ => Err(Rejection::new("tenant", "it is not known")),
        }
    }
}

async fn bill(order: String) {
    println!("{order}");
}

fn router() -> Router {
    Router::new("billing").prefix("v1.").subscribe("orders", each(bill).skip_failures())
}

pub fn app() -> Router {
    let timing = MapFutureLayer::new(|call| async {
        let started = Instant::now();
        let outcome = call.await;
        println!("handled in {:?}", started.elapsed());
        outcome
    });
    Router::new("shop").nest("shop.", router()).layer(from_extractor::<Tenant>()).layer(timing)
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
