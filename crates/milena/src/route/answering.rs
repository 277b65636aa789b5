use super::{Maps, Predicate};
use milena_core::record::Record;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// Whether failures of a subscription are answered, where that is asked for.
#[derive(Clone)]
pub(crate) enum Answering {
    Never,
    Always,
    /// Its handlers differ in that: what the one says that takes the record.
    Differently(Arc<dyn Fn(Record) -> bool + Send + Sync>),
}

impl Answering {
    /// As the first handler does that takes what the maps make of a record. What none takes is answered.
    pub(crate) fn differently(maps: Maps, handlers: Vec<(Option<Predicate>, bool)>) -> Self {
        let asked = move |record| {
            let record = maps.apply(record).ok()?;
            let takes = |when: &Option<Predicate>| when.as_ref().is_none_or(|takes| takes(&record));
            handlers.iter().find(|(when, _)| takes(when)).map(|(_, answers)| *answers)
        };
        Self::Differently(Arc::new(move |record| {
            // Where a predicate panics, no handler has taken the record.
            catch_unwind(AssertUnwindSafe(|| asked(record))).ok().flatten().unwrap_or(true)
        }))
    }

    /// Whether the failure of this record is answered.
    pub(crate) fn answers(&self, record: impl FnOnce() -> Record) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Differently(answers) => answers(record()),
        }
    }
}
