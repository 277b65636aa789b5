use super::{Note, counters::Tally};
use crate::planted::{Bug, planted};
use milena_core::record::{Epoch, TopicPartition};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};
use tokio::sync::{Notify, mpsc::UnboundedSender};

/// A partition from its assignment to the end of it. What is said of a record is said under one of these.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) place: TopicPartition,
    pub(crate) epoch: Epoch,
    live: AtomicBool,
    left: AtomicBool,
    ended: Notify,
    /// Calls that run, and what they left behind that has not ended: replies, dead letters, `Ack`s.
    busy: AtomicUsize,
    /// Dead letters that the broker refused, and that are being tried again; and the pause, if there is one.
    blocked: AtomicUsize,
    unblocked: Notify,
    /// Whether a user wants no calls.
    paused: AtomicBool,
    waiting: Waiting,
    notes: UnboundedSender<Note>,
    /// What is counted of its topic.
    pub(crate) tally: Arc<Tally>,
}

/// What waits in lanes, and the marks between which a partition is held back.
#[derive(Debug)]
struct Waiting {
    records: AtomicUsize,
    bytes: AtomicUsize,
    high: (usize, usize),
    parked: AtomicBool,
}

impl Assignment {
    pub(crate) fn new(
        place: TopicPartition,
        epoch: Epoch,
        high: (usize, usize),
        (notes, tally): (UnboundedSender<Note>, Arc<Tally>),
    ) -> Self {
        let (records, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self {
            place,
            epoch,
            live: AtomicBool::new(true),
            left: AtomicBool::new(false),
            ended: Notify::new(),
            busy: AtomicUsize::new(0),
            blocked: AtomicUsize::new(0),
            unblocked: Notify::new(),
            paused: AtomicBool::new(false),
            waiting: Waiting { records, bytes, high, parked: AtomicBool::new(false) },
            notes,
            tally,
        }
    }

    /// Whether records of it may be worked on.
    pub(crate) fn is_live(&self) -> bool {
        self.live.load(SeqCst)
    }

    /// Ends it: no call begins any more, and what waits is woken.
    pub(crate) fn end(&self) {
        self.live.store(false, SeqCst);
        self.ended.notify_waiters();
    }

    /// Whether what is said under this epoch is said of it.
    pub(crate) fn is_of(&self, epoch: Epoch) -> bool {
        self.epoch == epoch || planted(Bug::IgnoreEpoch)
    }

    /// Whether records read under this epoch may go into its lanes.
    pub(crate) fn takes(&self, epoch: Epoch) -> bool {
        self.is_of(epoch) && self.is_live()
    }

    /// It is not ours any more: what still runs is counted as late when it ends. Says whether nothing does.
    pub(crate) fn leave(&self) -> bool {
        self.left.store(true, SeqCst);
        self.ended.notify_waiters();
        self.is_quiet()
    }

    /// Whether it is not ours any more.
    pub(crate) fn has_left(&self) -> bool {
        self.left.load(SeqCst)
    }

    /// Waits until it is not ours any more.
    pub(crate) async fn until_left(&self) {
        wait(&self.ended, || self.has_left()).await;
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&self) {
        wait(&self.ended, || !self.is_live()).await;
    }

    /// Counts something that runs, until the guard is dropped.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.begin();
        Busy(self.clone())
    }

    /// Counts something that runs, until [`idle`](Self::idle).
    pub(crate) fn begin(&self) {
        self.busy.fetch_add(1, SeqCst);
    }

    /// Something that ran has ended.
    pub(crate) fn idle(&self) {
        if self.busy.fetch_sub(1, SeqCst) == 1 && !self.is_live() {
            self.note(Note::Quiet);
        }
    }

    /// Whether nothing runs.
    pub(crate) fn is_quiet(&self) -> bool {
        self.busy.load(SeqCst) == 0
    }

    /// Whether its lanes may go on: it is live, and every dead letter can be written.
    pub(crate) fn proceeds(&self) -> bool {
        self.is_live() && self.blocked.load(SeqCst) == 0
    }

    /// Whether what its lanes have admitted may be worked on: also while it is being handed over.
    pub(crate) fn finishes(&self) -> bool {
        !self.has_left() && self.blocked.load(SeqCst) == 0
    }

    /// Waits until its lanes may go on, or it has ended.
    pub(crate) async fn unblocked(&self) {
        let blocked = wait(&self.unblocked, || self.blocked.load(SeqCst) == 0);
        tokio::select! {
            biased;
            () = blocked => {}
            () = self.ended() => {}
        }
    }

    /// No call begins until [`resume`](Self::resume); says whether that is new.
    pub(crate) fn pause(&self) -> bool {
        let new = !self.paused.swap(true, SeqCst);
        if new {
            self.block();
        }
        new
    }

    /// Calls may begin again; says whether that is new.
    pub(crate) fn resume(&self) -> bool {
        let new = self.paused.swap(false, SeqCst);
        if new {
            self.unblock();
        }
        new
    }

    pub(crate) fn block(&self) {
        self.blocked.fetch_add(1, SeqCst);
    }

    pub(crate) fn unblock(&self) {
        if self.blocked.fetch_sub(1, SeqCst) == 1 {
            self.unblocked.notify_waiters();
        }
    }

    /// Counts records that wait in a lane, and says whether the partition is to be held back from now on.
    pub(crate) fn wait_for(&self, records: usize, bytes: usize) -> bool {
        let records = self.waiting.records.fetch_add(records, SeqCst) + records;
        let bytes = self.waiting.bytes.fetch_add(bytes, SeqCst) + bytes;
        let (most_records, most_bytes) = self.waiting.high;
        if (records < most_records && bytes < most_bytes) || self.waiting.parked.swap(true, SeqCst)
        {
            return false;
        }
        // A lane may have emptied itself before it could see the mark.
        !(self.has_room() && self.waiting.parked.swap(false, SeqCst))
    }

    /// The records that wait in lanes, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.waiting.records.load(SeqCst), self.waiting.bytes.load(SeqCst))
    }

    /// Counts records that wait no more, and tells the conductor when a partition held back has room again.
    pub(crate) fn waited_for(&self, records: usize, bytes: usize) {
        self.waiting.records.fetch_sub(records, SeqCst);
        self.waiting.bytes.fetch_sub(bytes, SeqCst);
        if self.has_room() && self.waiting.parked.swap(false, SeqCst) {
            self.note(Note::Room(self.place.clone(), self.epoch));
        }
    }

    pub(crate) fn note(&self, note: Note) {
        // Nobody listens any more only when the group has ended.
        let _ = self.notes.send(note);
    }

    fn has_room(&self) -> bool {
        let (records, bytes) = self.waiting.high;
        self.waiting.records.load(SeqCst) <= records / 2
            && self.waiting.bytes.load(SeqCst) <= bytes / 2
    }
}

/// Something that runs under an assignment.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Assignment>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle();
    }
}

async fn wait(notify: &Notify, until: impl Fn() -> bool) {
    loop {
        let notified = notify.notified();
        tokio::pin!(notified);
        // From here on no notification is missed, so the condition can be looked at.
        notified.as_mut().enable();
        if until() {
            return;
        }
        notified.await;
    }
}
