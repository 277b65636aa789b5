use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use tokio::sync::Notify;

/// How many replies, and bytes of them, may be on their way to the broker at once.
#[derive(Debug)]
pub(crate) struct Budget {
    replies: AtomicUsize,
    bytes: AtomicUsize,
    most: (usize, usize),
    awaited: AtomicBool,
    room: Notify,
}

impl Budget {
    pub(crate) fn new(most: (usize, usize)) -> Self {
        let (replies, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { replies, bytes, most, awaited: AtomicBool::new(false), room: Notify::new() }
    }

    /// Takes a place for a reply, if there is one. One that is larger than all may be on its way alone.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let (most_replies, most_bytes) = self.most;
        let replies = self.replies.fetch_add(1, SeqCst);
        let taken = self.bytes.fetch_add(bytes, SeqCst);
        let fits = replies == 0 || (replies < most_replies && taken + bytes <= most_bytes);
        if !fits {
            self.give(bytes);
        }
        fits
    }

    /// Takes a place for a reply, whether there is one or not.
    pub(crate) fn overdraw(&self, bytes: usize) {
        self.replies.fetch_add(1, SeqCst);
        self.bytes.fetch_add(bytes, SeqCst);
    }

    /// Gives the place of a reply back.
    pub(crate) fn give(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, SeqCst);
        self.replies.fetch_sub(1, SeqCst);
        if self.is_low() && self.awaited.swap(false, SeqCst) {
            self.room.notify_waiters();
        }
    }

    /// Whether there is no place.
    pub(crate) fn is_full(&self) -> bool {
        let (replies, bytes) = self.most;
        self.replies.load(SeqCst) >= replies || self.bytes.load(SeqCst) >= bytes
    }

    /// The replies on their way, their bytes, and what part of the bound that is.
    pub(crate) fn used(&self) -> ((usize, usize), f64) {
        let (replies, bytes) = (self.replies.load(SeqCst), self.bytes.load(SeqCst));
        let part = |used: usize, most: usize| used as f64 / most.max(1) as f64;
        ((replies, bytes), part(replies, self.most.0).max(part(bytes, self.most.1)))
    }

    /// Waits until a good part of the places is free, so that waiters do not wake for each reply.
    pub(crate) async fn room(&self) {
        loop {
            let notified = self.room.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            self.awaited.store(true, SeqCst);
            if self.is_low() {
                return;
            }
            notified.await;
        }
    }

    fn is_low(&self) -> bool {
        let (replies, bytes) = self.most;
        self.replies.load(SeqCst) <= replies / 4 * 3 && self.bytes.load(SeqCst) <= bytes / 4 * 3
    }
}
