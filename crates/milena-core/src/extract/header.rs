use crate::{
    error::BoxError,
    extract::{FromRecord, Rejection},
    handler::Operation,
    record::{Headers, Record},
};
use std::str::FromStr;

/// One header of the record, decoded; of several of a name it is the last.
///
/// `Option<Header<T>>` is `None` when there is no such header, or it is null.
///
/// ```
/// use milena_core::{error::BoxError, extract::{FromHeader, Header}};
///
/// struct Tenant(String);
///
/// impl FromHeader for Tenant {
///     const NAME: &'static str = "tenant";
///
///     fn from_header(value: &[u8]) -> Result<Self, BoxError> {
///         Ok(Tenant(str::from_utf8(value)?.to_owned()))
///     }
/// }
///
/// async fn print(Header(tenant): Header<Tenant>) {
///     println!("for {}", tenant.0);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Header<T>(pub T);

/// A type that the value of a certain header can be decoded into.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a header",
    note = "implement `FromHeader` for it: the name of the header, and how its value is decoded"
)]
pub trait FromHeader: Sized {
    /// The name of the header.
    const NAME: &'static str;

    /// Decodes its value.
    ///
    /// # Errors
    ///
    /// The bytes are not such a value.
    fn from_header(value: &[u8]) -> Result<Self, BoxError>;
}

impl Headers {
    /// The header of this name as what its text says, such as a number; `None` when there is none, or it is
    /// null. It is for a header that is read once; [`Header`] is an argument, and in generated documents.
    ///
    /// ```
    /// use milena_core::{Headers, extract::Rejection};
    ///
    /// async fn charge(headers: Headers) -> Result<(), Rejection> {
    ///     let cents: u32 = headers.parse("cents")?.unwrap_or(100);
    ///     println!("{cents}");
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// It is no text, or not such a text.
    pub fn parse<T>(&self, name: &str) -> Result<Option<T>, Rejection>
    where
        T: FromStr<Err: Into<BoxError>>,
    {
        let reject = |cause: BoxError| Rejection::new(format!("header `{name}`"), cause);
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = str::from_utf8(value).map_err(|error| reject(error.into()))?;
        text.parse().map(Some).map_err(|error: T::Err| reject(error.into()))
    }
}

impl<S: Sync, T: FromHeader + Send> FromRecord<S> for Header<T> {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        let reject = |cause: BoxError| Rejection::new(format!("header `{}`", T::NAME), cause);
        let absent = || reject("there is none, or it is null".into());
        let value = record.header(T::NAME).ok_or_else(absent)?;
        T::from_header(&value).map(Header).map_err(reject)
    }

    fn is_absent(record: &Record) -> bool {
        record.header(T::NAME).is_none()
    }

    fn describe(operation: &mut Operation) {
        operation.headers.push(T::NAME);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_parsed_as_what_its_text_says() {
        let headers = Headers::new().with("n", "7").with("n", "8").with("n", None::<&str>);
        let headers = headers.with("raw", &[0xff][..]).with("null", None::<&str>);

        assert_eq!(headers.parse::<u32>("n").unwrap(), Some(8));
        assert_eq!(headers.parse::<String>("n").unwrap().as_deref(), Some("8"));
        assert_eq!(headers.parse::<u32>("none").unwrap(), None);
        assert_eq!(headers.parse::<u32>("null").unwrap(), None);
        let error = |name| headers.parse::<bool>(name).unwrap_err().to_string();
        assert!(error("n").starts_with("could not decode the header `n`: "), "{}", error("n"));
        assert!(error("raw").starts_with("could not decode the header `raw`: invalid utf-8"));
    }
}
