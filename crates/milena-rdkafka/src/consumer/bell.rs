use crate::native::Queue;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

/// Wakes the thread of a consumer, wherever it waits.
#[derive(Default)]
pub(super) struct Bell {
    rung: AtomicBool,
    waits: Mutex<Waits>,
}

/// Where the thread may be waiting.
#[derive(Default)]
struct Waits {
    thread: Option<Thread>,
    queue: Option<Arc<Queue>>,
}

impl Bell {
    /// Lets the calling thread be woken when it waits, be it for this queue.
    pub(super) fn install(&self, queue: Arc<Queue>) {
        *self.lock() = Waits { thread: Some(thread::current()), queue: Some(queue) };
    }

    /// Lets go of the queue, so that it can end.
    pub(super) fn remove(&self) {
        *self.lock() = Waits::default();
    }

    /// Wakes the thread, or keeps it from waiting the next time. It does not block, and may be called from
    /// within librdkafka.
    pub(super) fn ring(&self) {
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        let waits = self.lock();
        if let Some(queue) = &waits.queue {
            queue.wake_reader();
        }
        if let Some(thread) = &waits.thread {
            thread.unpark();
        }
    }

    /// What rang before has been heard. What is looked at behind this misses nothing.
    pub(super) fn hear(&self) {
        self.rung.swap(false, Ordering::AcqRel);
    }

    /// Whether it has rung since.
    pub(super) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// Waits until it rings, if it has not.
    pub(super) fn wait(&self, within: Duration) {
        if !self.is_rung() {
            thread::park_timeout(within);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
