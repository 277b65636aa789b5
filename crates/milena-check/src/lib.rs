//! A checker of delivery: what befell each record of a service, and whether a promise was broken.
//!
//! A [`History`] is recorded from outside: by a transport around the transport, and by a layer around handlers. So
//! what is checked is the service as it is in production, on the embedded broker or on a Kafka, with whatever goes wrong.
//!
//! ```
//! use milena::{Memory, Router, each, serve};
//! use milena_check::{History, Rules, Subscribed};
//! use milena_core::ProducerRecord;
//!
//! async fn bill(order: String) -> String {
//!     format!("invoice of {order}")
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (broker, history) = (Memory::new(), History::new());
//! let router = Router::new("billing")
//!     .subscribe("orders", each(bill).publish_to("invoices"))
//!     .layer_inner(history.attempts("billing-1"));
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let service = serve(history.transport("billing-1", broker.clone()), router)
//!     .with_shutdown(async { drop(stopped.await) });
//! let service = tokio::spawn(service.into_future());
//!
//! broker.produce(ProducerRecord::new("orders").value("a book"))?;
//! // ... whatever may go wrong ...
//! while broker.lag("billing", "orders") > 0 {
//!     tokio::task::yield_now().await;
//! }
//! history.stopping("billing-1");
//! drop(stop);
//! history.ended("billing-1", &service.await?.map_err(Into::into));
//!
//! broker.records("orders").iter().for_each(|record| history.input(record));
//! broker.records("invoices").iter().for_each(|record| history.seen(record));
//! history.check(&Rules::new().topic("orders", Subscribed::by_partition()))?;
//! # Ok(())
//! # }
//! ```
//!
//! A history is that of one consumer group. What a handler returns is published with the header
//! [`SOURCE`], which says of which records it came; what it publishes itself is known when it does the same.
//! In exactly once, what it published with [`BESIDE`] is held against the end of its call instead.
//! A check takes for granted that nothing is left to do: [`input`](History::input) and
//! [`seen`](History::seen) were called with all there is, and no fault holds.

mod entry;
mod facts;
mod history;
mod invariants;
mod recording;
mod rules;
mod verdict;

#[cfg(test)]
mod made;

pub use self::{
    entry::{At, Entry, How, What},
    history::History,
    recording::{Attempts, BESIDE, Recorded, SOURCE, beside},
    rules::{Rules, Subscribed},
    verdict::{Broken, Invariant},
};
