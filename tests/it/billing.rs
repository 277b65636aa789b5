use milena::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the services of these tests are about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) cents: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Invoice {
    pub(crate) order: u64,
    pub(crate) cents: i64,
}

/// An order for a price; its id is the price, too.
pub(crate) fn order(cents: i64) -> Json<Order> {
    Json(Order { id: cents.unsigned_abs(), cents })
}

/// Bills an order. One with a negative price is an error.
pub(crate) async fn bill(Json(order): Json<Order>) -> anyhow::Result<Json<Invoice>> {
    anyhow::ensure!(order.cents >= 0, "the order costs {} cents", order.cents);
    Ok(Json(Invoice { order: order.id, cents: order.cents }))
}
