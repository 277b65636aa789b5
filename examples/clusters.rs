//! How does a service work on several clusters?

use milena::{
    App, Error, Json, Kafka, Publisher, Router, State, each, publish, transport::Transport,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Order {
    id: u64,
}

async fn copy(
    Json(order): Json<Order>,
    State(all): State<Publisher<Json<Order>>>,
) -> Result<(), Error> {
    all.send(Json(order)).await.map(drop)
}

/// Orders of both clusters are collected in one. A group of one name may be on two clusters.
fn app(eu: impl Transport, us: impl Transport) -> App {
    let collector = || {
        let mut router = Router::new("collector").subscribe("orders", each(copy));
        let all = router.publisher(publish("all-orders").cluster("eu").schema());
        router.with_state(all)
    };
    App::new("Collector", "1.0.0")
        .cluster("eu", eu)
        .cluster("us", us)
        .router_on("eu", collector())
        .router_on("us", collector())
}

#[tokio::main]
async fn main() -> ExitCode {
    app(Kafka::new("eu.example.com:9092"), Kafka::new("us.example.com:9092")).run().await
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn orders_of_both_clusters_are_collected_in_one() {
    use milena::{Memory, record::ProducerRecord};
    let (eu, us) = (Memory::new(), Memory::new());
    for (broker, order) in [(&eu, r#"{"id":1}"#), (&us, r#"{"id":2}"#)] {
        broker.produce(ProducerRecord::new("orders").value(order)).unwrap();
    }
    let app = app(eu.clone(), us.clone());
    let control = app.control_on("eu", "collector");
    let running = tokio::spawn(app.serve().into_future());

    while eu.lag("collector", "orders") + us.lag("collector", "orders") > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    control.stop().await.unwrap();
    running.await.unwrap().unwrap();

    assert_eq!((eu.records("all-orders").len(), us.records("all-orders").len()), (2, 0));
}
