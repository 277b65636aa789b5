use crate::{
    extract::{FromRecord, Rejection},
    record::{Hold, Record},
};
use std::{fmt, sync::Arc};

/// Tells a handler that its result will be dropped: the partition went to another member while it ran.
///
/// That is so when calls have not ended within the [drain timeout], when the member was fenced, or when
/// a second signal asks the service to stop at once. What the handler does behind that may be done a
/// second time, at the same moment, by whoever has the partition now.
///
/// ```
/// use milena_core::extract::Cancellation;
///
/// # async fn export() {}
/// async fn copy(cancellation: Cancellation) {
///     tokio::select! {
///         () = export() => {}
///         () = cancellation.cancelled() => {} // another member begins anew
///     }
/// }
/// ```
///
/// [drain timeout]: https://docs.rs/milena/latest/milena/struct.Router.html#method.drain_timeout
#[derive(Clone)]
pub struct Cancellation(Arc<dyn Hold>);

impl Cancellation {
    /// Whether the result of the call will be dropped.
    pub fn is_cancelled(&self) -> bool {
        self.0.has_left()
    }

    /// Waits until that is so.
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped at any time.
    pub async fn cancelled(&self) {
        self.0.left().await;
    }
}

impl<S: Sync> FromRecord<S> for Cancellation {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        let holds = record.chunk().holds().cloned();
        holds.map(Self).ok_or_else(|| {
            Rejection::new("cancellation", "the record is not part of a running service")
        })
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancellation").field("cancelled", &self.is_cancelled()).finish()
    }
}
