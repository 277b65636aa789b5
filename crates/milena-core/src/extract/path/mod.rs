mod captured;

use self::captured::Captured;
use crate::{
    extract::{FromRecord, Rejection},
    record::Record,
    transport::Captures,
};
use serde::de::DeserializeOwned;

/// What the pattern of the subscription captured of the topic's name.
///
/// `T` is what serde makes of it: for one capture a `String`, a number, a `bool`, an `enum` of names, or
/// whatever a text can be decoded into; for several a tuple in their order, or a `struct` by their names.
///
/// ```
/// use milena_core::extract::Path;
/// use serde::Deserialize;
///
/// // For topics that match `logs.{level}`.
/// async fn print(Path(level): Path<String>) {
///     println!("{level}");
/// }
///
/// // For topics that match `orders.{country}.{year}`.
/// #[derive(Deserialize)]
/// struct Orders {
///     country: String,
///     year: u16,
/// }
///
/// async fn count(Path(orders): Path<Orders>) {
///     println!("{} {}", orders.country, orders.year);
/// }
/// ```
///
/// A topic that is subscribed to by its name has no captures, which `Option<Path<T>>` takes as `None`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Path<T>(pub T);

impl<S: Sync, T: DeserializeOwned + Send> FromRecord<S> for Path<T> {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        let Some(captures) = record.extension::<Captures>() else {
            let cause = format!("the subscription of `{}` has no pattern", record.topic());
            return Err(Rejection::new("captures of the topic", cause));
        };
        let captured = Captured::new(captures);
        T::deserialize(&captured).map(Path).map_err(captured::Error::into_rejection)
    }

    fn is_absent(record: &Record) -> bool {
        record.extension::<Captures>().is_none()
    }
}

#[cfg(test)]
mod tests;
