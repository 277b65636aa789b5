use bytes::Bytes;
use std::{borrow::Cow, fmt};

/// The headers of a record: names with values, in order.
///
/// A name may stand more than once and a value may be null, as in Kafka. It is an extractor, and in
/// a reply's tuple it gives the reply these headers.
///
/// ```
/// use milena_core::Headers;
///
/// let headers = Headers::new().with("traceparent", "00-1-2-01").with("note", None::<&[u8]>);
/// assert_eq!(headers.get("traceparent"), Some(&b"00-1-2-01"[..]));
/// assert_eq!(headers.get("note"), None);
/// assert!(headers.contains("note"));
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Headers(Vec<(Cow<'static, str>, Option<Bytes>)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a header behind the others; a value of `None` is null.
    pub fn push(&mut self, name: impl Into<Box<str>>, value: impl IntoHeaderValue) {
        self.0.push((Cow::Owned(name.into().into()), value.into_header_value()));
    }

    /// Adds a header behind the others, of which those of its name are taken away.
    pub fn set(&mut self, name: impl Into<Box<str>>, value: impl IntoHeaderValue) {
        let name = name.into();
        self.remove(&name);
        self.push(name, value);
    }

    /// Takes all headers of this name away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|header| header.0 != name);
    }

    /// The same headers with one more behind them.
    #[must_use]
    pub fn with(mut self, name: impl Into<Box<str>>, value: impl IntoHeaderValue) -> Self {
        self.push(name, value);
        self
    }

    /// The value of the last header of this name that is not null.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.find(name).map(|value| &**value)
    }

    /// The same value, which can be kept.
    pub(crate) fn find(&self, name: &str) -> Option<&Bytes> {
        self.0.iter().rev().find(|header| header.0 == name && header.1.is_some())?.1.as_ref()
    }

    /// The values of all headers of this name, in order.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = Option<&[u8]>> {
        self.iter().filter(move |header| header.0 == name).map(|header| header.1)
    }

    /// Whether a header has this name, null or not.
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|header| &*header.0 == name)
    }

    /// All headers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0.iter().map(|(name, value)| (&**name, value.as_deref()))
    }

    /// How many headers there are, repeats included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds `others` behind these.
    pub fn append(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    pub(crate) fn append_all(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Adds a header without an allocation for its name or value.
    pub(crate) fn push_static(&mut self, name: &'static str, value: &'static str) {
        self.0.push((Cow::Borrowed(name), Some(Bytes::from_static(value.as_bytes()))));
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, value)| (name, value))).finish()
    }
}

/// A value that a header can have.
pub trait IntoHeaderValue {
    /// The bytes of the value; `None` is null.
    fn into_header_value(self) -> Option<Bytes>;
}

impl IntoHeaderValue for Bytes {
    fn into_header_value(self) -> Option<Bytes> {
        Some(self)
    }
}

impl IntoHeaderValue for String {
    fn into_header_value(self) -> Option<Bytes> {
        Some(self.into())
    }
}

impl IntoHeaderValue for &str {
    fn into_header_value(self) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(self.as_bytes()))
    }
}

impl IntoHeaderValue for &[u8] {
    fn into_header_value(self) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(self))
    }
}

impl<T: IntoHeaderValue> IntoHeaderValue for Option<T> {
    fn into_header_value(self) -> Option<Bytes> {
        self?.into_header_value()
    }
}
