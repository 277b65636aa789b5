use crate::{
    error::BoxError,
    extract::{FromRecord, Rejection},
    handler::Operation,
    record::Record,
};

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
