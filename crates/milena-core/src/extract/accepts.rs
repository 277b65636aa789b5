use crate::{error::BoxError, handler::Schema};
use bytes::Bytes;

/// A format that is one of several: what [`AnyOf`](crate::extract::AnyOf) chooses among, by the header
/// `content-type`.
///
/// | type | takes |
/// |---|---|
/// | `Json<T>` | `application/json`, and what ends in `+json` |
/// | `String` | `text/plain` |
/// | `Bytes` | everything, so it stands last |
/// | `Coded<T, C>` | the type of the codec, and what has its suffix |
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not one of several formats",
    label = "no content type leads to `{Self}`",
    note = "`Json<T>`, `String`, `Bytes`, `Coded<T, C>` and `AnyOf` of those can stand in `AnyOf`"
)]
pub trait Accepts: Sized {
    /// The content types that it takes, as whoever sent another is told.
    fn content_types() -> Vec<&'static str>;

    /// Whether it takes values of this type.
    fn accepts(content_type: &ContentType<'_>) -> bool;

    /// Reads a value that says it is of this type, which is one that it takes, or that says nothing.
    ///
    /// # Errors
    ///
    /// The bytes are no such value.
    fn decode(value: &[u8], content_type: Option<&ContentType<'_>>) -> Result<Self, BoxError>;

    /// The schema of the values, when it is known.
    fn schema() -> Option<Schema> {
        None
    }
}

/// The media type of a value, without its parameters.
///
/// ```
/// use milena_core::extract::ContentType;
///
/// assert!(ContentType::new("application/json; charset=utf-8").is("application/json"));
/// assert!(ContentType::new("Application/vnd.shop.order+JSON").is("application/json"));
/// assert!(!ContentType::new("application/json-seq").is("application/json"));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ContentType<'a>(&'a str);

impl<'a> ContentType<'a> {
    /// The type that a header of this value names.
    pub fn new(header: &'a str) -> Self {
        Self(header.split(';').next().unwrap_or_default().trim())
    }

    /// The type as it is written, such as `application/json`.
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// Whether it is that type, or says by its suffix that it is in that format.
    pub fn is(&self, other: &str) -> bool {
        let suffix = || self.0.rsplit_once('+').map(|(_, suffix)| suffix);
        let format = || other.rsplit_once('/').map(|(_, format)| format);
        self.0.eq_ignore_ascii_case(other)
            || suffix()
                .zip(format())
                .is_some_and(|(suffix, format)| suffix.eq_ignore_ascii_case(format))
    }
}

impl Accepts for String {
    fn content_types() -> Vec<&'static str> {
        vec!["text/plain"]
    }

    fn accepts(content_type: &ContentType<'_>) -> bool {
        content_type.is("text/plain")
    }

    fn decode(value: &[u8], _content_type: Option<&ContentType<'_>>) -> Result<Self, BoxError> {
        Ok(str::from_utf8(value)?.to_owned())
    }

    #[cfg(feature = "json")]
    fn schema() -> Option<Schema> {
        Some(schemars::json_schema!({"type": "string"}))
    }
}

impl Accepts for Bytes {
    fn content_types() -> Vec<&'static str> {
        vec!["*/*"]
    }

    fn accepts(_content_type: &ContentType<'_>) -> bool {
        true
    }

    fn decode(value: &[u8], _content_type: Option<&ContentType<'_>>) -> Result<Self, BoxError> {
        Ok(Self::copy_from_slice(value))
    }
}
