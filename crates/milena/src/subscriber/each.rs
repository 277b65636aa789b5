use super::Subscriber;
use crate::route::{BatchHandler, EachHandler};
use milena_core::handler::{Arguments, BatchArguments, Batched, Each, Handler, Operation};

/// Calls `handler` once a record.
///
/// ```
/// use milena::{Json, Retry, each};
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Deserialize, JsonSchema)] struct Order { id: u64 }
/// # #[derive(Serialize, JsonSchema)] struct Invoice { order: u64 }
///
/// async fn bill(Json(order): Json<Order>) -> Result<Json<Invoice>, std::io::Error> {
///     Ok(Json(Invoice { order: order.id }))
/// }
///
/// # let _: milena::Router =
/// # milena::Router::new("billing").subscribe("orders",
/// each(bill).publish_to("invoices").retry(Retry::exponential(3)).dead_letter("orders.dead")
/// # );
/// ```
pub fn each<H, Args, S>(handler: H) -> Subscriber<S, H::Output, Each>
where
    H: Handler<Args>,
    H::Output: 'static,
    H::Future: Send,
    Args: Arguments<S> + Send + 'static,
    S: Clone + Send + Sync + 'static,
{
    let mut operation = Operation::of::<H>();
    Args::describe(&mut operation);
    Subscriber::new(operation, move |ending| EachHandler::<H, Args>::new(handler, ending))
}

/// Calls `handler` once a batch; its first argument is the [`Batch`](crate::Batch).
///
/// A batch has up to [`max_records`](Subscriber::max_records) (100) of one partition, and is
/// complete after [`max_wait`](Subscriber::max_wait) (100 ms) however few there are. A record that
/// cannot be decoded fails alone, and the handler gets the rest.
///
/// What the handler returns is for all records of the batch, or, as a `Vec` of
/// [`Outcome`](crate::Outcome)s, for each of them.
///
/// ```
/// use milena::{Batch, Json, batch};
/// # use schemars::JsonSchema;
/// # use serde::Deserialize;
/// # #[derive(Deserialize, JsonSchema)] struct Click { page: String }
///
/// async fn count(Batch(clicks): Batch<Json<Click>>) {
///     println!("{} clicks", clicks.len());
/// }
///
/// # let _: milena::Router = milena::Router::new("analytics").subscribe("clicks",
/// batch(count).max_records(500)
/// # );
/// ```
///
/// # Panics
///
/// If the handler takes an `Ack` beside the batch: each record has its own, so it is taken with each,
/// as in `Batch<(Json<Click>, Ack)>`.
#[track_caller]
pub fn batch<H, Args, S>(handler: H) -> Subscriber<S, H::Output, Batched>
where
    H: Handler<Args>,
    H::Output: 'static,
    H::Future: Send,
    Args: BatchArguments<S> + Send + 'static,
    S: Clone + Send + Sync + 'static,
{
    let (mut operation, mut rest) = (Operation::of::<H>(), Operation::default());
    Args::describe(&mut operation, &mut rest);
    assert!(!rest.manual_ack, "an `Ack` in a batch is taken with each record: `Batch<(T, Ack)>`");
    operation.headers.append(&mut rest.headers);
    operation.is_batch = true;
    Subscriber::new(operation, move |ending| BatchHandler::<H, Args>::new(handler, ending))
}
