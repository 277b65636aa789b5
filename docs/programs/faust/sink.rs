use milena::{Batch, Error, Json, Kafka, Router, batch, by_key, each};
use std::time::Duration;

async fn double(Json(number): Json<i64>) -> Json<i64> {
    Json(number * 2)
}

async fn sum(Batch(numbers): Batch<Json<i64>>) -> Json<i64> {
    Json(numbers.into_iter().map(|Json(number)| number).sum())
}

pub fn app() -> Router {
    let double = each(double).concurrency(by_key(4)).publish_to("doubled");
    let sum = batch(sum).max_records(100).max_wait(Duration::from_secs(5)).publish_to("sums");
    Router::new("numbers-app").subscribe("numbers", double).subscribe("doubled", sum)
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
