use super::{Accepts, ContentType, FromKey, FromRecord, IntoKey, Rejection, payload::present};
use crate::{
    error::BoxError,
    handler::{Operation, Schema},
    record::Record,
    reply::{IntoRecords, ProducerRecord, Publish},
};
use bytes::Bytes;
use std::{fmt, marker::PhantomData};

/// A format that values of `T` are read from and written in; [`Coded`] makes an argument and a reply of it.
///
/// Three lines are a codec for everything that serde knows:
///
/// ```
/// use milena_core::{error::BoxError, extract::{Codec, Coded}};
/// use serde::{Deserialize, Serialize, de::DeserializeOwned};
///
/// struct Pretty;
///
/// impl<T: Serialize + DeserializeOwned> Codec<T> for Pretty {
///     const CONTENT_TYPE: &'static str = "application/json";
///     fn decode(bytes: &[u8]) -> Result<T, BoxError> { Ok(serde_json::from_slice(bytes)?) }
///     fn encode(value: &T) -> Result<Vec<u8>, BoxError> { Ok(serde_json::to_vec_pretty(value)?) }
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Order {
///     id: u64,
/// }
///
/// async fn copy(Coded(order, ..): Coded<Order, Pretty>) -> Coded<Order, Pretty> {
///     Coded::new(order)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no codec for `{T}`",
    label = "this is said to read and write `{T}`",
    note = "implement `Codec<{T}>` for `{Self}`: the content type, and how a value is decoded and encoded"
)]
pub trait Codec<T> {
    /// The content type of what it writes, such as `text/csv`: what records say that are published.
    const CONTENT_TYPE: &'static str;

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// The bytes are no such value.
    fn decode(bytes: &[u8]) -> Result<T, BoxError>;

    /// Writes a value.
    ///
    /// # Errors
    ///
    /// The value cannot be written.
    fn encode(value: &T) -> Result<Vec<u8>, BoxError>;

    /// The schema of the values, for generated documents; by default they only name the content type.
    fn schema() -> Option<Schema> {
        None
    }
}

/// A value in the format of a [codec](Codec), in or out.
///
/// As an argument it is the value of the record, as a return value it is published with the codec's content
/// type, and in [`Key`](crate::extract::Key) it is a key. Like `Json` it reads any record, whatever type the
/// record says it has; [`AnyOf`](crate::extract::AnyOf) goes by that.
///
/// ```
/// use milena_core::{error::BoxError, extract::{Codec, Coded}};
///
/// struct Payment {
///     who: String,
///     cents: u32,
/// }
///
/// /// Lines such as `ada,100`.
/// struct Csv;
///
/// impl Codec<Payment> for Csv {
///     const CONTENT_TYPE: &'static str = "text/csv";
///
///     fn decode(line: &[u8]) -> Result<Payment, BoxError> {
///         let (who, cents) = str::from_utf8(line)?.split_once(',').ok_or("there is no comma")?;
///         Ok(Payment { who: who.to_owned(), cents: cents.parse()? })
///     }
///
///     fn encode(payment: &Payment) -> Result<Vec<u8>, BoxError> {
///         Ok(format!("{},{}", payment.who, payment.cents).into_bytes())
///     }
/// }
///
/// async fn pay(Coded(payment, ..): Coded<Payment, Csv>) {
///     println!("{} pays {}", payment.who, payment.cents);
/// }
/// ```
pub struct Coded<T, C>(
    /// The value.
    pub T,
    /// Names the codec; `..` stands for it in patterns.
    pub PhantomData<fn() -> C>,
);

impl<T, C> Coded<T, C> {
    /// This value, in the format of `C`.
    pub fn new(value: T) -> Self {
        Self(value, PhantomData)
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<S: Sync, T: Send, C: Codec<T>> FromRecord<S> for Coded<T, C> {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        let value = C::decode(present(record)?);
        value.map(Self::new).map_err(|error| Rejection::new("value", error))
    }

    fn is_absent(record: &Record) -> bool {
        record.value().is_none()
    }

    fn describe(operation: &mut Operation) {
        operation.value = <Self as Accepts>::schema();
    }
}

impl<T, C: Codec<T>> Accepts for Coded<T, C> {
    fn content_types() -> Vec<&'static str> {
        vec![C::CONTENT_TYPE]
    }

    fn accepts(content_type: &ContentType<'_>) -> bool {
        content_type.is(C::CONTENT_TYPE)
    }

    fn decode(value: &[u8], _content_type: Option<&ContentType<'_>>) -> Result<Self, BoxError> {
        C::decode(value).map(Self::new)
    }

    fn schema() -> Option<Schema> {
        C::schema()
    }
}

impl<T, C: Codec<T>> IntoRecords for Coded<T, C> {
    fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
        let value = C::encode(&self.0)?;
        records.push(to.record().value(value).content_type(C::CONTENT_TYPE));
        Ok(())
    }

    fn schema() -> Option<Schema> {
        C::schema()
    }
}

impl<T, C: Codec<T>> FromKey for Coded<T, C> {
    fn from_key(key: &[u8]) -> Result<Self, BoxError> {
        C::decode(key).map(Self::new)
    }
}

impl<T, C: Codec<T>> IntoKey for Coded<T, C> {
    fn to_key(&self) -> Result<Bytes, BoxError> {
        C::encode(&self.0).map(Bytes::from)
    }
}

impl<T, C> From<T> for Coded<T, C> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Clone, C> Clone for Coded<T, C> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<T: PartialEq, C> PartialEq for Coded<T, C> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: fmt::Debug, C> fmt::Debug for Coded<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Coded").field(&self.0).finish()
    }
}
