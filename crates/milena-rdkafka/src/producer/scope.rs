use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// The transaction that is open, if one is.
#[derive(Default)]
pub(crate) struct Scope {
    open: AtomicBool,
    failed: AtomicBool,
}

impl Scope {
    pub(crate) fn begin(&self) {
        self.failed.store(false, SeqCst);
        self.open.store(true, SeqCst);
    }

    pub(crate) fn end(&self) {
        self.open.store(false, SeqCst);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(SeqCst)
    }

    /// A record that was to be part of it is not, and will not be.
    pub(super) fn fail(&self) {
        self.failed.store(true, SeqCst);
    }

    /// Whether it is not whole.
    pub(crate) fn has_failed(&self) -> bool {
        self.is_open() && self.failed.load(SeqCst)
    }
}
