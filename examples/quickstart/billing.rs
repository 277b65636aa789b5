//! The service: orders become invoices, and what cannot be billed becomes a dead letter.

use bytes::Bytes;
use milena::{
    Json, Key, Retry, Router, State, each, extract::Metadata, publish, record::Headers,
    router::Concurrency,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

pub(crate) const GROUP: &str = "billing";
pub(crate) const ORDERS: &str = "orders";
pub(crate) const INVOICES: &str = "invoices";
pub(crate) const DEAD_LETTERS: &str = "orders.dead";

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) customer: String,
    pub(crate) cents: i64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Invoice {
    pub(crate) order: u64,
    pub(crate) customer: String,
    pub(crate) cents: i64,
}

/// The topic table of the service.
pub(crate) fn router(desk: Desk, concurrency: Concurrency) -> Router {
    let billing = each(bill)
        .concurrency(concurrency)
        .publish_to(publish(INVOICES).bare())
        .retry(Retry::exponential(3).starting_at(Duration::from_millis(2)))
        .dead_letter(DEAD_LETTERS);
    Router::new(GROUP).subscribe(ORDERS, billing).with_state(desk)
}

/// What a call has beside its order.
#[derive(Clone, Default)]
pub(crate) struct Desk {
    pub(crate) counts: Arc<Counts>,
    /// How long a call takes at most, when it is to take its time.
    pub(crate) work: Option<Duration>,
}

/// The key, the headers and the value of a reply.
type Reply = (Option<Key<Bytes>>, Headers, Json<Invoice>);

/// An order becomes an invoice with the same key and headers, and one header more. A tombstone becomes nothing.
#[expect(clippy::too_many_arguments, reason = "each is a part of the record")]
async fn bill(
    order: Option<Json<Order>>,
    key: Option<Key<Bytes>>,
    headers: Headers,
    source: Metadata,
    State(Desk { counts, work }): State<Desk>,
) -> Result<Option<Reply>, NegativePrice> {
    if let Some(most) = work {
        tokio::time::sleep(at_random(most)).await;
    }
    let Some(Json(order)) = order else {
        counts.tombstones.fetch_add(1, Relaxed);
        return Ok(None);
    };
    if order.cents < 0 {
        return Err(NegativePrice(order.cents));
    }
    counts.billed.fetch_add(1, Relaxed);
    let invoice = Invoice { order: order.id, customer: order.customer, cents: order.cents };
    Ok(Some((key, headers.with("milena-source", source.to_string()), Json(invoice))))
}

/// A time from nothing to this.
fn at_random(most: Duration) -> Duration {
    // Each of these hashes differently.
    let random = RandomState::new().hash_one(()) >> 32;
    most.mul_f64(random as f64 / f64::from(u32::MAX))
}

/// What the service did since it was started.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) billed: AtomicU64,
    pub(crate) tombstones: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct NegativePrice(i64);

impl fmt::Display for NegativePrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an order cannot cost {} cents", self.0)
    }
}

impl std::error::Error for NegativePrice {}
