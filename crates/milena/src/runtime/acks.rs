use super::{Work, settle};
use milena_core::{
    error::Error,
    transport::{Delivered, Receipt, Receive},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

/// The `Ack`s that are out for the records of a chunk.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    /// Whether any was ever given out: most handlers take none, and then nothing here costs anything.
    used: AtomicBool,
    out: Mutex<HashMap<u32, Out>>,
}

/// The `Ack`s of one attempt with one record.
#[derive(Debug, Default)]
struct Out {
    attempt: u32,
    count: u32,
    /// The call has ended well, so what fails now is late.
    returned: bool,
    failed: Option<Error>,
}

/// An `Ack` for the record at this place, taken during this attempt.
pub(crate) fn hold(work: &Arc<Work>, index: u32, attempt: u32) -> Receipt {
    work.acks.used.store(true, SeqCst);
    let mut out = work.acks.lock();
    let acks = out.entry(index).or_default();
    if acks.attempt != attempt {
        *acks = Out { attempt, ..Out::default() };
    }
    acks.count += 1;
    work.hold(index);
    work.assignment.begin();
    Receipt::new(Arc::new(Acknowledged { work: work.clone(), attempt }), index.into())
}

impl Acks {
    /// Whether any was ever given out for the chunk.
    pub(crate) fn in_use(&self) -> bool {
        self.used.load(SeqCst)
    }

    /// The call of this attempt ended well; if an `Ack` of it failed before that, so did the call.
    pub(crate) fn returned(&self, index: u32) -> Option<Error> {
        if !self.in_use() {
            return None;
        }
        let mut out = self.lock();
        let acks = out.get_mut(&index)?;
        acks.returned = acks.failed.is_none();
        acks.failed.take()
    }

    /// The attempt failed, and what becomes of its `Ack`s does not matter any more.
    pub(crate) fn void(work: &Work, index: u32) {
        if !work.acks.in_use() {
            return;
        }
        let voided = work.acks.lock().remove(&index).map_or(0, |acks| acks.count);
        for _ in 0..voided {
            work.release(index);
            work.assignment.idle();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Out>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the `Ack`s of an attempt report to.
struct Acknowledged {
    work: Arc<Work>,
    attempt: u32,
}

impl Receive for Acknowledged {
    fn receive(&self, token: u64, result: Result<Delivered, Error>) {
        let (work, index) = (&*self.work, token as u32);
        let mut out = work.acks.lock();
        let Some(acks) = out.get_mut(&index).filter(|acks| acks.attempt == self.attempt) else {
            return;
        };
        let late = match result {
            Err(error) if acks.returned => Some(error),
            Err(error) => {
                // The call still runs: its end decides, and its hold keeps the record.
                acks.failed.get_or_insert(error);
                None
            }
            Ok(_) => None,
        };
        acks.count -= 1;
        drop(out);
        match late {
            Some(error) => settle::late_failure(work, index, error),
            None => work.release(index),
        }
        work.assignment.idle();
    }
}
