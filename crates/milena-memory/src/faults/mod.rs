mod asked;
mod members;
mod transactions;

pub(crate) use self::{
    asked::{Answering, Asked},
    transactions::StepFault,
};

use crate::Memory;
use milena_core::error::ErrorKind;
use std::sync::Arc;

/// What goes wrong on request.
///
/// What is asked for holds for the whole broker until it is lifted or used up. Each fault is counted
/// when it strikes, so that a test can assert that it did.
///
/// ```
/// use milena_core::{ProducerRecord, error::ErrorKind};
/// use milena_memory::Memory;
///
/// let memory = Memory::new();
/// memory.faults().refuse_writes("orders", ErrorKind::Unauthorized);
///
/// let error = memory.produce(ProducerRecord::new("orders")).unwrap_err();
///
/// assert_eq!(error.kind(), ErrorKind::Unauthorized);
/// assert_eq!(memory.faults().fired().writes_refused, 1);
/// ```
#[derive(Clone, Debug)]
pub struct Faults(Memory);

/// How often each fault struck.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Fired {
    /// Commits that were refused.
    pub commits_refused: usize,
    /// Records that were refused because of their topic.
    pub writes_refused: usize,
    /// Records that were refused because of their size.
    pub records_too_large: usize,
    /// Deliveries that were held back.
    pub deliveries_held: usize,
    /// Records that a producer had no room for.
    pub producers_full: usize,
    /// Members that lost their partitions.
    pub members_lost: usize,
    /// Commits, also those of transactions, that were refused because the generation of the group had moved.
    pub commits_outdated: usize,
    /// Commits that were done and answered later.
    pub commit_answers_held: usize,
    /// Commits that were done, and of which the member was told an error.
    pub commit_answers_lost: usize,
    /// Partitions of which a member would have been told something, and was not, as fetches of them
    /// got no answer.
    pub fetches_held: usize,
    /// Reports of fetches that members were given.
    pub fetches_reported: usize,
    /// Steps of transactions that were refused.
    pub steps_refused: usize,
    /// Steps of transactions that were not done, and of which the producer was told nothing.
    pub step_requests_lost: usize,
    /// Steps of transactions that were done, and of which the producer was told nothing.
    pub step_answers_lost: usize,
    /// Steps of transactions that were answered later.
    pub step_answers_delayed: usize,
    /// Transactional producers that lost their id to a rival.
    pub producers_fenced: usize,
}

impl Faults {
    pub(crate) fn new(memory: Memory) -> Self {
        Self(memory)
    }

    /// Refuses the next commits, whichever group's they are, with an error of this kind.
    ///
    /// After one of kind `Fenced` the member also loses its partitions, as the group has gone on
    /// without it.
    pub fn refuse_commits(&self, commits: usize, kind: ErrorKind) {
        self.0.with(|broker| broker.asked.commits.extend(std::iter::repeat_n(kind, commits)));
    }

    /// Does the next commits, whichever group's they are, and answers them only after
    /// [`release_commits`](Self::release_commits). One whose member leaves before that is told to
    /// have had no answer in time.
    pub fn hold_commits(&self, commits: usize) {
        self.answer(commits, Answering::Later);
    }

    /// Gives the answers that were kept, and keeps no more.
    pub fn release_commits(&self) {
        self.0.with(|broker| {
            broker.asked.answers.retain(|answering| *answering != Answering::Later);
            broker.release_commits();
        });
    }

    /// Does the next commits, whichever group's they are, and answers them with an error of kind
    /// `Unreachable`, as when the connection breaks before the answer is there.
    pub fn lose_commit_answers(&self, commits: usize) {
        self.answer(commits, Answering::Never);
    }

    /// Refuses every record for this topic with an error of this kind, until
    /// [`accept_writes`](Self::accept_writes).
    pub fn refuse_writes(&self, topic: impl Into<Arc<str>>, kind: ErrorKind) {
        self.0.with(|broker| broker.asked.writes.insert(topic.into(), kind));
    }

    /// Takes records for this topic again.
    pub fn accept_writes(&self, topic: &str) {
        self.0.with(|broker| broker.asked.writes.remove(topic));
    }

    /// Refuses records of more bytes than this with an error of kind `TooLarge`; `None` lifts that.
    pub fn limit_record_bytes(&self, limit: Option<usize>) {
        self.0.with(|broker| broker.asked.record_bytes = limit);
    }

    /// Writes records but keeps their receipts, until [`release_deliveries`](Self::release_deliveries).
    ///
    /// A `flush` meanwhile does not wait, but says at once how many of them there are.
    pub fn hold_deliveries(&self) {
        self.0.with(|broker| broker.asked.holding = true);
    }

    /// Gives back the receipts that were kept, and keeps no more.
    pub fn release_deliveries(&self) {
        self.0.with(|broker| {
            broker.asked.holding = false;
            broker.release_held();
        });
    }

    /// Leaves each producer room for this many records whose receipts are kept; `None` lifts that.
    pub fn limit_room(&self, limit: Option<usize>) {
        self.0.with(|broker| {
            broker.asked.room = limit;
            broker.watchers.wake(&mut broker.after);
        });
    }

    /// Answers no fetch of this partition: no record of it arrives, until
    /// [`release_fetches`](Self::release_fetches).
    pub fn hold_fetches(&self, topic: impl Into<Arc<str>>, partition: i32) {
        self.0.with(|broker| broker.asked.silent.insert((topic.into(), partition), false));
    }

    /// Answers fetches of this partition again.
    pub fn release_fetches(&self, topic: impl Into<Arc<str>>, partition: i32) {
        let place = (topic.into(), partition);
        self.0.with(|broker| {
            broker.asked.silent.remove(&place);
            broker.wake_readers(&place);
        });
    }

    /// How often each fault struck so far.
    pub fn fired(&self) -> Fired {
        self.0.with(|broker| broker.asked.fired)
    }

    fn answer(&self, commits: usize, answering: Answering) {
        self.0.with(|broker| broker.asked.answers.extend(std::iter::repeat_n(answering, commits)));
    }
}
