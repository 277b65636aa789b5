use crate::{
    error::{Error, ErrorKind},
    reply::outlet::Entry,
    transport::{Delivered, Receive},
};
use std::{
    error, fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Which of several records could not be published, and why; the others were.
///
/// ```
/// # use milena_core::{ProducerRecord, Publisher, error::Error};
/// # async fn example(publisher: Publisher, records: Vec<ProducerRecord>) {
/// if let Err(error) = publisher.send_all(records).await {
///     for (index, error) in error.failed() {
///         eprintln!("record {index}: {error}");
///     }
/// }
/// # }
/// ```
pub struct SendAllError {
    failed: Vec<(usize, Error)>,
    delivered: Vec<(usize, Delivered)>,
}

impl SendAllError {
    /// Nothing was sent, because of the record at this place.
    pub(super) fn of(index: usize, error: Error) -> Self {
        Self { failed: vec![(index, error)], delivered: Vec::new() }
    }

    /// The records that were refused, by their places in the list that was to be published, with the
    /// reason for each. There is at least one.
    pub fn failed(&self) -> &[(usize, Error)] {
        &self.failed
    }

    /// The records that the broker has, by their places in the list, and where it put them.
    pub fn delivered(&self) -> &[(usize, Delivered)] {
        &self.delivered
    }

    /// What sort of thing went wrong with the first record that was refused.
    pub fn kind(&self) -> ErrorKind {
        self.failed.first().map_or(ErrorKind::Publish, |(_, error)| error.kind())
    }
}

impl fmt::Display for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.failed.len() + self.delivered.len();
        match &*self.failed {
            [(_, only)] if records == 1 => only.fmt(f),
            failed => {
                write!(f, "could not publish {} of {records} records", failed.len())?;
                failed
                    .first()
                    .map_or(Ok(()), |(index, error)| write!(f, "; record {index}: {error}"))
            }
        }
    }
}

// As that of `Error`, for whoever returns it from `main`.
impl fmt::Debug for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?})", self.kind())
    }
}

impl error::Error for SendAllError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.failed.first().map(|(_, error)| error as _)
    }
}

impl From<SendAllError> for Error {
    fn from(mut error: SendAllError) -> Self {
        if error.delivered.is_empty() && error.failed.len() == 1 {
            return error.failed.swap_remove(0).1;
        }
        Self::new(error.kind(), error.to_string()).with_source(error)
    }
}

/// Collects the receipts of records that are sent together.
pub(crate) struct Waiter(Mutex<Waiting>);

struct Waiting {
    results: Vec<Option<Result<Delivered, Error>>>,
    /// The account of each record until it is answered.
    entries: Vec<Option<Entry>>,
    left: usize,
    waker: Option<Waker>,
}

impl Waiter {
    pub(crate) fn new(records: impl Iterator<Item = Option<Entry>>) -> Self {
        let entries: Vec<_> = records.collect();
        let left = entries.len();
        let results = std::iter::repeat_with(|| None).take(left).collect();
        Self(Mutex::new(Waiting { results, entries, left, waker: None }))
    }

    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Result<Vec<Delivered>, SendAllError>> {
        let mut waiting = self.lock();
        if waiting.left > 0 {
            waiting.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let results = std::mem::take(&mut waiting.results);
        drop(waiting);
        let mut all = SendAllError { failed: Vec::new(), delivered: Vec::new() };
        for (index, result) in results.into_iter().flatten().enumerate() {
            match result {
                Ok(delivered) => all.delivered.push((index, delivered)),
                Err(error) => all.failed.push((index, error)),
            }
        }
        Poll::Ready(if all.failed.is_empty() {
            Ok(all.delivered.into_iter().map(|(_, delivered)| delivered).collect())
        } else {
            Err(all)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receive for Waiter {
    fn receive(&self, token: u64, result: Result<Delivered, Error>) {
        let mut waiting = self.lock();
        let Some(place) =
            usize::try_from(token).ok().filter(|place| *place < waiting.results.len())
        else {
            return;
        };
        waiting.results[place] = Some(result);
        drop(waiting.entries[place].take());
        waiting.left -= 1;
        let waker = if waiting.left == 0 { waiting.waker.take() } else { None };
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
