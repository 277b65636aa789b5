//! How do handlers share what they need?

use milena::{Error, Json, Kafka, Router, State, each, extract::FromRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Payment {
    cents: u64,
}

/// What the service has: each handler takes the part that it needs.
#[derive(Clone, Default)]
struct Shared {
    till: Arc<Mutex<u64>>,
    fee: Fee,
}

#[derive(Clone, Copy, Default)]
struct Fee(u64);

impl FromRef<Shared> for Arc<Mutex<u64>> {
    fn from_ref(shared: &Shared) -> Self {
        shared.till.clone()
    }
}

impl FromRef<Shared> for Fee {
    fn from_ref(shared: &Shared) -> Self {
        shared.fee
    }
}

async fn take(
    Json(payment): Json<Payment>,
    State(till): State<Arc<Mutex<u64>>>,
    State(Fee(fee)): State<Fee>,
) {
    *till.lock().unwrap_or_else(|broken| broken.into_inner()) += payment.cents - fee;
}

fn app(shared: Shared) -> Router {
    Router::new("tills").subscribe("payments", each(take)).with_state(shared)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    milena::serve(Kafka::from_env()?, app(Shared { fee: Fee(5), ..Shared::default() })).await
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn what_is_paid_is_in_the_till_without_the_fee() {
    let shared = Shared { fee: Fee(5), ..Shared::default() };
    let test = milena_test::TestApp::start(app(shared.clone())).await;

    test.publish("payments", vec![Json(Payment { cents: 100 }), Json(Payment { cents: 20 })]).await;

    assert_eq!(*shared.till.lock().unwrap(), 110);
}
