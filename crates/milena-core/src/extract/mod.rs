//! The arguments of handlers: what can be taken from a record, one file a kind.

mod accepts;
mod ack;
mod any_of;
mod attempt;
mod cancellation;
mod codec;
mod correlation;
mod extension;
mod header;
#[cfg(feature = "json")]
mod json;
mod key;
mod metadata;
#[cfg(feature = "json")]
mod path;
mod payload;
mod state;

pub use self::{
    accepts::{Accepts, ContentType},
    ack::Ack,
    any_of::AnyOf,
    attempt::Attempt,
    cancellation::Cancellation,
    codec::{Codec, Coded},
    correlation::CorrelationId,
    extension::Extension,
    header::{FromHeader, Header},
    key::{FromKey, IntoKey, Key},
    metadata::Metadata,
    state::{FromRef, State},
};
#[cfg(feature = "json")]
pub use self::{
    json::{Json, Schematic},
    path::Path,
};

use crate::{error::BoxError, handler::Operation, record::Record};
use std::{error, fmt};

/// Builds an argument of a handler from a record and the state of the application.
///
/// Whatever a handler needs can be made an argument of it:
///
/// ```
/// use milena_core::{Record, extract::{FromRecord, Rejection}};
///
/// /// The tenant that the topic is named after.
/// struct Tenant(String);
///
/// impl<S: Sync> FromRecord<S> for Tenant {
///     type Rejection = Rejection;
///
///     async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
///         let tenant = record.topic().split_once('.').ok_or_else(|| Rejection::new("tenant", "no dot in the topic"))?;
///         Ok(Tenant(tenant.0.to_owned()))
///     }
/// }
/// ```
///
/// A refused record takes the failure path of its subscription at once: a retry would read the same bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler argument",
    label = "this argument is not an extractor",
    note = "a handler takes extractors: `Json<T>`, `Bytes`, `String`, `AnyOf<A, B>`, `Coded<T, C>`, `Key<T>`, `Headers`, `Header<T>`, `Metadata`, `Path<T>`, `Timestamp`, `State<T>`, `Extension<T>`, `CorrelationId`, `Publisher`, `Attempt`, `Ack`, `Record`, an `Option` of those, or a type of yours that implements `FromRecord`"
)]
pub trait FromRecord<S>: Sized {
    /// Why a record is refused.
    type Rejection: Into<BoxError>;

    /// Extracts it.
    fn from_record(
        record: &Record,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;

    /// Whether the record does not have it at all, which makes an `Option` of it `None`.
    fn is_absent(_record: &Record) -> bool {
        false
    }

    /// Says what it adds to the generated document.
    fn describe(_operation: &mut Operation) {}
}

/// Why an extractor refused a record.
#[derive(Debug)]
pub struct Rejection {
    part: Box<str>,
    cause: BoxError,
}

impl Rejection {
    /// This part of the record could not be decoded, for this reason.
    pub fn new(part: impl Into<Box<str>>, cause: impl Into<BoxError>) -> Self {
        Self { part: part.into(), cause: cause.into() }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not decode the {}: {}", self.part, self.cause)
    }
}

impl error::Error for Rejection {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.cause)
    }
}

/// The records of one call of a batch handler.
///
/// Each is extracted on its own, so `T` is any extractor, or a tuple of some.
#[derive(Clone, Debug)]
pub struct Batch<T>(pub Vec<T>);

/// `None` when the record does not have it: a null value (a tombstone), a null key, no such header.
impl<S: Sync, T: FromRecord<S>> FromRecord<S> for Option<T> {
    type Rejection = T::Rejection;

    async fn from_record(record: &Record, state: &S) -> Result<Self, T::Rejection> {
        if T::is_absent(record) {
            return Ok(None);
        }
        T::from_record(record, state).await.map(Some)
    }

    fn describe(operation: &mut Operation) {
        T::describe(operation);
    }
}

macro_rules! tuple {
    ($($part:ident),*) => {
        impl<S: Sync, $($part: FromRecord<S> + Send),*> FromRecord<S> for ($($part,)*) {
            type Rejection = BoxError;

            async fn from_record(record: &Record, state: &S) -> Result<Self, BoxError> {
                Ok(($($part::from_record(record, state).await.map_err(Into::into)?,)*))
            }

            fn describe(operation: &mut Operation) {
                $($part::describe(operation);)*
            }
        }
    };
}

tuple!(A1, A2);
tuple!(A1, A2, A3);
tuple!(A1, A2, A3, A4);
