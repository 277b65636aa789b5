//! Orders to try the service with: most are good, a few are not.

use crate::billing::{ORDERS, Order};
use indicatif::ProgressBar;
use milena::{
    Error, Publisher,
    error::ErrorKind,
    layers::TraceLayer,
    record::{Headers, ProducerRecord, PublishLayer},
};

/// How many orders are handed over before the first of them has to be at the broker.
const AT_ONCE: u64 = 1000;

/// Publishes so many orders: of a hundred one costs less than nothing, one is not JSON, one is a tombstone.
pub(crate) async fn feed(
    publisher: &Publisher,
    (orders, traced): (u64, bool),
    progress: &ProgressBar,
) -> Result<(), Error> {
    for first in (0..orders).step_by(AT_ONCE as usize) {
        let last = orders.min(first + AT_ONCE);
        let orders = (first..last).map(order);
        if traced {
            send_traced(publisher, orders).await?;
        } else {
            publisher.send_all(orders).await?;
        }
        progress.inc(last - first);
    }
    Ok(())
}

/// Publishes orders with a span each. A publisher of a service has its layers; this one has no service.
async fn send_traced(
    publisher: &Publisher,
    orders: impl Iterator<Item = ProducerRecord>,
) -> Result<(), Error> {
    let layer = TraceLayer::new();
    let layered: Result<Vec<_>, _> = orders.map(|order| layer.publish(order)).collect();
    let orders = layered.map_err(|error| Error::new(ErrorKind::Publish, error.to_string()))?;
    let delivered = publisher.send_all(orders.clone()).await?;
    for (order, delivered) in orders.iter().zip(&delivered) {
        layer.published(order, Ok(delivered));
    }
    Ok(())
}

fn order(id: u64) -> ProducerRecord {
    let customer = format!("customer-{}", id * 7919 % 1000);
    let record = ProducerRecord::new(ORDERS).key(customer.clone());
    let record =
        ProducerRecord { headers: Headers::new().with("traceparent", trace(id)), ..record };
    match id % 100 {
        11 => record.value("this is no order"),
        22 => record,
        33 => record.value(json(&Order { id, customer, cents: -100 })),
        _ => record.value(json(&Order { id, customer, cents: (id * 37 % 10_000).cast_signed() })),
    }
}

fn json(order: &Order) -> Vec<u8> {
    serde_json::to_vec(order).unwrap_or_default()
}

/// A W3C trace context, as a program that makes orders would send it along.
fn trace(id: u64) -> String {
    format!("00-{id:032x}-{id:016x}-01")
}
