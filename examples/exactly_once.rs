//! How is each record's result published exactly once?

use milena::{Error, Json, Kafka, Publisher, Router, each, publish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Transfer {
    from: String,
    to: String,
    cents: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Booking {
    account: String,
    cents: i64,
}

/// Both bookings, the audit and the offset of the transfer are one transaction: all are seen, or none.
async fn book(
    Json(transfer): Json<Transfer>,
    publisher: Publisher,
) -> Result<Vec<Json<Booking>>, Error> {
    publisher.publish("audit", format!("{} pays {}", transfer.from, transfer.to)).await?;
    Ok(vec![
        Json(Booking { account: transfer.from, cents: -transfer.cents }),
        Json(Booking { account: transfer.to, cents: transfer.cents }),
    ])
}

/// Each running instance has an id of its own, and has it again when it is started again.
fn app(instance: &str) -> Router {
    Router::new("bookkeeping").exactly_once(format!("bookkeeping-{instance}")).subscribe(
        "transfers",
        each(book).publish_to(publish("bookings")).dead_letter("transfers.dead"),
    )
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let instance = std::env::var("INSTANCE").unwrap_or_else(|_| "1".into());
    milena::serve(Kafka::from_env()?, app(&instance)).await
}

#[cfg(test)]
#[tokio::test(start_paused = true)]
async fn a_transaction_whose_outcome_nobody_knows_is_seen_once() {
    use milena_memory::{Memory, TransactionStep};
    let broker = Memory::new();
    broker.faults().lose_step_answers(TransactionStep::Commit, 1);
    let test = milena_test::TestApp::start_on(broker.clone(), app("1")).await;
    let transfer = Transfer { from: "ada".into(), to: "bob".into(), cents: 5 };
    test.publish("transfers", Json(transfer)).await;
    test.settle().await;

    assert_eq!(broker.faults().fired().step_answers_lost, 1);
    let booked = |account: &str, cents| Booking { account: account.into(), cents };
    assert_eq!(test.published::<Booking>("bookings"), [booked("ada", -5), booked("bob", 5)]);
    assert_eq!(test.extracted::<String>("audit"), ["ada pays bob"]);
    assert_eq!(test.committed("bookkeeping", "transfers"), 1);
}
