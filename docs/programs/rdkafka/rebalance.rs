use milena::{
    Error, Kafka, Router, each,
    error::BoxError,
    router::{Rebalance, on_assigned},
};

async fn load(rebalance: Rebalance) -> Result<(), BoxError> {
    for partition in rebalance.partitions() {
        if let Some(offset) = stored(partition.partition) {
            rebalance.seek(partition, offset).await?;
        }
    }
    Ok(())
}

async fn gone(rebalance: Rebalance) -> Result<(), BoxError> {
    println!("gone: {:?}", rebalance.partitions());
    Ok(())
}

async fn work(row: String) {
    println!("{row}");
}

pub fn app() -> Router {
    Router::new("loader")
        .subscribe("rows", each(work))
        .on_rebalance(on_assigned(load).on_revoked(gone))
}

/// Stands for a look at what was written last.
fn stored(partition: i32) -> Option<i64> {
    (partition == 0).then_some(2)
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
