use super::call::{Call, Called, Ending};
use milena_core::record::Record;
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// What handlers and publishers were called with, in the order of the calls.
pub(crate) struct Recorder {
    calls: Mutex<Vec<Call>>,
    handlers: BTreeSet<&'static str>,
    changed: Notify,
}

impl Recorder {
    /// One for these handlers.
    pub(crate) fn new(handlers: BTreeSet<&'static str>) -> Self {
        Self { handlers, calls: Mutex::default(), changed: Notify::new() }
    }

    pub(crate) fn handlers(&self) -> &BTreeSet<&'static str> {
        &self.handlers
    }

    /// A call has begun; its number.
    pub(crate) fn begin(&self, called: Called, records: Vec<Record>) -> usize {
        let mut calls = self.lock();
        calls.push(Call { called, records, refused: Vec::new(), ending: None });
        let number = calls.len() - 1;
        drop(calls);
        self.changed.notify_waiters();
        number
    }

    /// The call of this number has ended, and was without these records of its batch.
    pub(crate) fn end(&self, number: usize, ending: Ending, mut refused: Vec<(usize, String)>) {
        let mut calls = self.lock();
        if let Some(call) = calls.get_mut(number) {
            refused.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
            refused.retain(|(index, _)| *index < call.records.len());
            for (index, why) in refused {
                call.refused.push((call.records.remove(index), why));
            }
            call.refused.reverse();
            let nothing = call.records.is_empty();
            call.ending = Some(if nothing { Ending::Refused(String::new()) } else { ending });
        }
        drop(calls);
        self.changed.notify_waiters();
    }

    /// The broker has the record of this call, which is where it says, or has not. The first answer counts.
    pub(crate) fn answer(&self, number: usize, answer: Result<Record, String>) {
        let mut calls = self.lock();
        if let Some(call) = calls.get_mut(number).filter(|call| call.ending.is_none()) {
            call.ending = Some(match answer {
                Ok(record) => {
                    call.records = vec![record];
                    Ending::Delivered
                }
                Err(error) => Ending::Error(error),
            });
        }
        drop(calls);
        self.changed.notify_waiters();
    }

    /// The records that extractors of the handler refused.
    pub(crate) fn refused(&self, called: &Called) -> Vec<(Record, String)> {
        let calls = self.lock();
        let of_it = calls.iter().filter(|call| call.called == *called);
        let refused = |call: &Call| {
            let alone = match &call.ending {
                Some(Ending::Refused(why)) => {
                    call.records.iter().map(|record| (record.clone(), why.clone())).collect()
                }
                _ => Vec::new(),
            };
            [alone, call.refused.clone()].concat()
        };
        of_it.flat_map(refused).collect()
    }

    pub(crate) fn with<R>(&self, look: impl FnOnce(&[Call]) -> R) -> R {
        look(&self.lock())
    }

    /// The next change, counted from this call.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> {
        self.changed.notified()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|calls| {
            f.debug_list().entries(calls.iter().map(|call| call.to_string())).finish()
        })
    }
}
