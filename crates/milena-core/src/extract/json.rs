use crate::{
    error::BoxError,
    extract::{Accepts, ContentType, FromKey, FromRecord, IntoKey, Rejection, payload::present},
    handler::{Operation, Schema},
    record::Record,
    reply::{IntoRecords, ProducerRecord, Publish},
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

const FORMAT: &str = "application/json";

/// A JSON value, in or out.
///
/// As an argument it is the value of the record; unknown fields are fine. As a return value it is
/// published. In [`Key`](crate::extract::Key) it is a JSON key.
///
/// ```
/// use milena_core::Json;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Order {
///     id: u64,
/// }
///
/// async fn print(Json(order): Json<Order>) {
///     println!("order {}", order.id);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Json<T>(pub T);

/// A type that can describe itself in generated documents: any `schemars::JsonSchema`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not describe itself",
    label = "its JSON Schema is missing",
    note = "derive it: `#[derive(schemars::JsonSchema)]`, so that the generated documents are complete"
)]
pub trait Schematic {
    /// The schema.
    fn schema() -> Schema;
}

#[diagnostic::do_not_recommend]
impl<T: schemars::JsonSchema> Schematic for T {
    fn schema() -> Schema {
        schemars::schema_for!(T)
    }
}

impl<S: Sync, T: DeserializeOwned + Schematic> FromRecord<S> for Json<T> {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        serde_json::from_slice(present(record)?)
            .map(Json)
            .map_err(|error| Rejection::new("value", error))
    }

    fn is_absent(record: &Record) -> bool {
        record.value().is_none()
    }

    fn describe(operation: &mut Operation) {
        operation.value = Some(T::schema());
    }
}

impl<T: DeserializeOwned + Schematic> Accepts for Json<T> {
    fn content_types() -> Vec<&'static str> {
        vec![FORMAT]
    }

    fn accepts(content_type: &ContentType<'_>) -> bool {
        content_type.is(FORMAT)
    }

    fn decode(value: &[u8], _content_type: Option<&ContentType<'_>>) -> Result<Self, BoxError> {
        Ok(Self(serde_json::from_slice(value)?))
    }

    fn schema() -> Option<Schema> {
        Some(T::schema())
    }
}

impl<T: Serialize + Schematic> IntoRecords for Json<T> {
    fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
        let value = serde_json::to_vec(&self.0)?;
        records.push(to.record().value(value).content_type(FORMAT));
        Ok(())
    }

    fn schema() -> Option<Schema> {
        Some(T::schema())
    }
}

impl<T: DeserializeOwned> FromKey for Json<T> {
    fn from_key(key: &[u8]) -> Result<Self, BoxError> {
        Ok(Self(serde_json::from_slice(key)?))
    }
}

impl<T: Serialize> IntoKey for Json<T> {
    fn to_key(&self) -> Result<Bytes, BoxError> {
        Ok(serde_json::to_vec(&self.0)?.into())
    }
}
