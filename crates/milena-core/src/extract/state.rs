use crate::{extract::FromRecord, record::Record};
use std::convert::Infallible;

/// The state of the application, or a part of it.
///
/// ```
/// use milena_core::extract::State;
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
///
/// async fn count(State(seen): State<Arc<AtomicU64>>) {
///     seen.fetch_add(1, Ordering::Relaxed);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct State<T>(pub T);

/// How a part is taken out of the state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not part of the application state `{T}`",
    note = "implement `FromRef<{T}>` for `{Self}`"
)]
pub trait FromRef<T> {
    /// The part.
    fn from_ref(state: &T) -> Self;
}

impl<T: Clone> FromRef<T> for T {
    fn from_ref(state: &T) -> Self {
        state.clone()
    }
}

impl<S: Sync, T: FromRef<S> + Send> FromRecord<S> for State<T> {
    type Rejection = Infallible;

    async fn from_record(_record: &Record, state: &S) -> Result<Self, Infallible> {
        Ok(Self(T::from_ref(state)))
    }
}
