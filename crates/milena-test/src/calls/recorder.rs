use milena_core::{
    handler::{Decision, Outcome},
    record::Record,
};
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// What handlers were called with, in the order of the calls.
pub(crate) struct Recorder {
    calls: Mutex<Vec<Call>>,
    handlers: BTreeSet<&'static str>,
    changed: Notify,
}

/// One call of a handler.
pub(crate) struct Call {
    pub(crate) handler: &'static str,
    /// Copies of the records.
    pub(crate) records: Vec<Record>,
    /// Records that were taken out of the batch, each with the reason.
    refused: Vec<(Record, String)>,
    /// What it ended with; `None` is that it runs, or was given up.
    pub(crate) ending: Option<Ending>,
}

/// What a call ended with.
pub(crate) enum Ending {
    Outcome(Outcome),
    /// Also a panic.
    Error(String),
    /// The handler was not called: an extractor refused its arguments, for this reason.
    Refused(String),
}

impl Call {
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.ending, Some(Ending::Refused(_)))
    }

    /// Whether it was with a record of this place, as errors name it.
    pub(crate) fn is_of(&self, told: &str) -> bool {
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_digit());
        self.records.iter().any(|record| {
            told.match_indices(&place(record)).any(|(at, found)| ends(&told[at + found.len()..]))
        })
    }
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
    pub(crate) fn begin(&self, handler: &'static str, records: Vec<Record>) -> usize {
        let mut calls = self.lock();
        calls.push(Call { handler, records, refused: Vec::new(), ending: None });
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

    /// The records that extractors of the handler refused.
    pub(crate) fn refused(&self, handler: &str) -> Vec<(Record, String)> {
        let calls = self.lock();
        let of_it = calls.iter().filter(|call| call.handler == handler);
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

fn place(record: &Record) -> String {
    format!("{}/{}/{}", record.topic(), record.partition(), record.offset())
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<_> = self.records.iter().map(place).collect();
        let attempt = self.records.first().map_or(1, Record::attempt);
        write!(f, "{}", places.join(", "))?;
        if attempt > 1 {
            write!(f, " (attempt {attempt})")?;
        }
        match &self.ending {
            None => f.write_str(": has not ended"),
            Some(Ending::Error(error)) => write!(f, ": failed: {error}"),
            Some(Ending::Refused(why)) => write!(f, ": refused: {why}"),
            Some(Ending::Outcome(outcome)) => match &outcome.decision {
                Decision::Done => write!(f, ": done, {} published", outcome.records.len()),
                decision => write!(f, ": {decision:?}"),
            },
        }
    }
}
