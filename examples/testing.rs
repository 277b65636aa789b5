//! How is a service tested, its handlers and what is around them?

use milena::{Error, Json, Kafka, Retry, Router, each};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Payment {
    cents: u64,
}

/// Stands for a call of a bank.
async fn pay(Json(payment): Json<Payment>) -> io::Result<String> {
    Ok(format!("{} cents are paid", payment.cents))
}

fn app() -> Router {
    let pay = each(pay).publish_to("receipts").retry(Retry::exponential(3)).dead_letters();
    Router::new("payments").subscribe("payments", pay)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    milena::serve(Kafka::from_env()?, app()).await
}

/// `MILENA_TEST_BROKER=kafka://localhost:9092 cargo test` runs the same on a Kafka.
#[cfg(test)]
mod tests {
    use super::{Payment, app, pay};
    use milena::Json;
    use milena_test::TestApp;
    use std::io;

    const PAYMENT: Json<Payment> = Json(Payment { cents: 7 });

    #[tokio::test]
    async fn a_handler_is_a_function() {
        assert_eq!(pay(PAYMENT).await.unwrap(), "7 cents are paid");
    }

    #[tokio::test(start_paused = true)]
    async fn a_payment_has_a_receipt() {
        let test = TestApp::start(app()).await;

        test.publish("payments", PAYMENT).await; // returns once everything that comes of it is settled

        assert_eq!(test.extracted::<String>("receipts"), ["7 cents are paid"]);
        test.calls(pay).assert_called_once_with(PAYMENT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bank_that_fails_twice_is_called_three_times() {
        let test = TestApp::builder(app())
            .fail(pay, 2, || io::Error::other("the bank is closed"))
            .start()
            .await;

        test.publish("payments", PAYMENT).await;

        assert_eq!(test.errors(pay), ["the bank is closed", "the bank is closed"]);
        assert_eq!(test.records("receipts").len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_bank_can_be_mocked() {
        let test = TestApp::builder(app())
            .mock(pay, |_: Json<Payment>| Err::<String, _>(io::Error::other("it is broke")))
            .start()
            .await;

        test.publish("payments", PAYMENT).await;

        assert_eq!(test.published::<Payment>("payments.dead"), [PAYMENT.0]);
    }
}
