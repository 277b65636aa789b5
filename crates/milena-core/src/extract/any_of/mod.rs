#[cfg(feature = "json")]
mod schema;

use super::{Accepts, ContentType, FromRecord, Rejection, payload::present};
use crate::{
    error::BoxError,
    handler::{Operation, Schema},
    record::{Record, names},
    reply::{IntoRecords, ProducerRecord, Publish},
};

/// A value in one format or another, as the header `content-type` of its record says.
///
/// Without that header, or with one that is no text, the first that can be decoded is taken; a type that
/// neither takes is refused by name. For more than two, `B` is an `AnyOf` in turn. As a return value it is
/// published in its format. What each format takes is listed at [`Accepts`].
///
/// ```
/// use milena_core::{Json, extract::AnyOf};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Note {
///     text: String,
/// }
///
/// async fn print(note: AnyOf<Json<Note>, String>) {
///     match note {
///         AnyOf::One(Json(note)) => println!("{}", note.text),
///         AnyOf::Other(text) => println!("{text}"),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AnyOf<A, B> {
    /// The first format.
    One(A),
    /// The second format, or one of those behind it.
    Other(B),
}

impl<S: Sync, A: Accepts + Send, B: Accepts + Send> FromRecord<S> for AnyOf<A, B> {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        let value = present(record)?;
        let header = record.header(names::CONTENT_TYPE);
        let text = header.as_deref().and_then(|header| str::from_utf8(header).ok());
        let content_type = text.map(ContentType::new).filter(|it| !it.as_str().is_empty());
        let reject = |error| Rejection::new("value", error);
        match &content_type {
            Some(content_type) if !Self::accepts(content_type) => {
                Err(reject(unknown::<Self>(content_type)))
            }
            content_type => Self::decode(value, content_type.as_ref()).map_err(reject),
        }
    }

    fn is_absent(record: &Record) -> bool {
        record.value().is_none()
    }

    fn describe(operation: &mut Operation) {
        operation.value = <Self as Accepts>::schema();
    }
}

fn unknown<T: Accepts>(content_type: &ContentType<'_>) -> BoxError {
    let accepted = T::content_types().join("`, `");
    format!("its content type is `{}`; accepted is `{accepted}`", content_type.as_str()).into()
}

impl<A: Accepts, B: Accepts> Accepts for AnyOf<A, B> {
    fn content_types() -> Vec<&'static str> {
        [A::content_types(), B::content_types()].concat()
    }

    fn accepts(content_type: &ContentType<'_>) -> bool {
        A::accepts(content_type) || B::accepts(content_type)
    }

    fn decode(value: &[u8], content_type: Option<&ContentType<'_>>) -> Result<Self, BoxError> {
        match content_type {
            Some(it) if A::accepts(it) => A::decode(value, content_type).map(Self::One),
            Some(_) => B::decode(value, content_type).map(Self::Other),
            None => match guess(value) {
                Ok(one) => Ok(Self::One(one)),
                Err(one) => match guess(value) {
                    Ok(other) => Ok(Self::Other(other)),
                    Err(other) => Err(format!("{one}; {other}").into()),
                },
            },
        }
    }

    fn schema() -> Option<Schema> {
        any_of([<A as Accepts>::schema(), <B as Accepts>::schema()])
    }
}

#[cfg(feature = "json")]
use schema::any_of;

/// No format describes itself.
#[cfg(not(feature = "json"))]
fn any_of(_schemas: [Option<Schema>; 2]) -> Option<Schema> {
    None
}

/// The value, if it can be decoded so; else why not, and as what.
fn guess<T: Accepts>(value: &[u8]) -> Result<T, String> {
    T::decode(value, None).map_err(|error| match T::content_types()[..] {
        [only] => format!("as `{only}`: {error}"),
        _ => error.to_string(),
    })
}

impl<A: IntoRecords, B: IntoRecords> IntoRecords for AnyOf<A, B> {
    fn into_records(self, to: &Publish, records: &mut Vec<ProducerRecord>) -> Result<(), BoxError> {
        match self {
            Self::One(one) => one.into_records(to, records),
            Self::Other(other) => other.into_records(to, records),
        }
    }

    fn schema() -> Option<Schema> {
        any_of([<A as IntoRecords>::schema(), <B as IntoRecords>::schema()])
    }
}

#[cfg(test)]
#[cfg(feature = "json")]
mod tests;
