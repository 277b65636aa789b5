use milena_core::record::Extensions;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Values that a service gives all its handlers beside their records.
#[derive(Clone, Default)]
pub(crate) struct Provided(Arc<Mutex<Vec<Give>>>);

type Give = Arc<dyn Fn(Extensions) -> Extensions + Send + Sync>;

impl Provided {
    /// One more; of one type the last counts.
    pub(crate) fn add<T: Clone + Send + Sync + 'static>(&self, value: T) {
        let give = move |extensions: Extensions| extensions.with(value.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(give));
    }

    pub(super) fn extensions(&self) -> Extensions {
        let given = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        given.iter().fold(Extensions::default(), |extensions, give| give(extensions))
    }
}

impl fmt::Debug for Provided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provided")
    }
}
