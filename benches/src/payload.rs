//! What every record holds: 100 bytes of JSON, with six fields.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A payment.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct Payment {
    pub id: u64,
    pub user: String,
    pub amount: f64,
    pub currency: String,
    pub status: String,
    pub pad: String,
}

/// The size of a value, in bytes.
pub const BYTES: usize = 100;

/// The value of the record with this number, padded to so many bytes.
pub fn value(id: u64, bytes: usize) -> String {
    let payment = |pad: String| Payment {
        id,
        user: key(id),
        amount: 12.5,
        currency: "EUR".into(),
        status: "paid".into(),
        pad,
    };
    let json =
        |payment: &Payment| serde_json::to_string(payment).expect("a payment can be written");
    let bare = json(&payment(String::new())).len();
    json(&payment("x".repeat(bytes.saturating_sub(bare))))
}

/// How many keys there are.
pub const KEYS: u64 = 10_000;

/// The key of the record with this number.
pub fn key(id: u64) -> String {
    format!("user-{:04}", id % KEYS)
}

/// What a pipeline does with a payment.
pub fn change(payment: Payment) -> Payment {
    Payment { amount: payment.amount * 1.19, status: "taxed".into(), ..payment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_size_it_is_said_to_have() {
        for id in [0, 7, 999_999] {
            assert_eq!(value(id, BYTES).len(), BYTES);
            assert_eq!(value(id, 1024).len(), 1024);
        }
    }
}
