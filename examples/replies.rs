//! How is something published for each record?

use milena::{Error, Json, Kafka, Key, Router, each, publish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Order {
    customer: String,
    cents: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Invoice {
    cents: u64,
}

/// What is returned is published before the order counts as done; `None` publishes nothing, a `Vec` many.
async fn bill(Json(order): Json<Order>) -> Option<(Key<String>, Json<Invoice>)> {
    let invoice = Invoice { cents: order.cents };
    (order.cents > 0).then_some((Key(order.customer), Json(invoice)))
}

fn app() -> Router {
    let invoices = publish("invoices").header("source", "billing");
    Router::new("billing").subscribe("orders", each(bill).publish_to(invoices))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    milena::serve(Kafka::from_env()?, app()).await
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn an_order_is_billed_under_its_customer_and_a_free_one_is_not() {
    let test = milena_test::TestApp::start(app()).await;
    let order = |cents| Json(Order { customer: "ada".into(), cents });

    test.publish("orders", vec![order(7), order(0), order(9)]).await;

    let invoices = test.published::<Invoice>("invoices");
    assert_eq!(invoices, [Invoice { cents: 7 }, Invoice { cents: 9 }]);
    let first = &test.records("invoices")[0];
    assert_eq!(first.key(), Some(&b"ada"[..]));
    assert_eq!(first.headers().get("source"), Some(&b"billing"[..]));
    assert_eq!(test.committed("billing", "orders"), 3);
}
