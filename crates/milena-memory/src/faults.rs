use crate::Memory;
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

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

    /// Takes their partitions from all members of the group. Each is told that they are lost and
    /// then joins anew.
    pub fn lose_partitions(&self, group: impl Into<Arc<str>>) {
        self.lose(&group.into(), |_| true);
    }

    /// Takes its partitions from one member of the group, counted from 0 in the order of joining.
    /// The others get them at once; when it has been told that they are lost it joins anew.
    pub fn lose_member(&self, group: impl Into<Arc<str>>, member: usize) {
        self.lose(&group.into(), |index| index == member);
    }

    /// How often each fault struck so far.
    pub fn fired(&self) -> Fired {
        self.0.with(|broker| broker.asked.fired)
    }

    fn lose(&self, group: &Arc<str>, which: impl Fn(usize) -> bool) {
        self.0.with(|broker| {
            let lost = broker.in_group(group, |group, _| {
                let members = group.members().into_iter().enumerate();
                let lost: Vec<_> = members.filter(|(index, _)| which(*index)).collect();
                lost.iter().for_each(|(_, id)| group.fence(*id));
                lost.len()
            });
            broker.asked.fired.members_lost += lost;
        });
    }
}

/// The faults that were asked for.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) fired: Fired,
    commits: VecDeque<ErrorKind>,
    writes: BTreeMap<Arc<str>, ErrorKind>,
    record_bytes: Option<usize>,
    holding: bool,
    room: Option<usize>,
}

impl Asked {
    /// Why the next commit is refused, if it is.
    pub(crate) fn refuse_commit(&mut self) -> Option<ErrorKind> {
        let kind = self.commits.pop_front()?;
        self.fired.commits_refused += 1;
        Some(kind)
    }

    /// Refuses a record that is not to be written.
    pub(crate) fn admit(&mut self, record: &ProducerRecord) -> Result<(), Error> {
        let (topic, bytes) = (&record.topic, record.bytes());
        if let Some(kind) = self.writes.get(topic) {
            self.fired.writes_refused += 1;
            let message = format!("could not write to topic `{topic}`: the refusal was asked for");
            return Err(Error::new(*kind, message));
        }
        if let Some(limit) = self.record_bytes.filter(|limit| bytes > *limit) {
            self.fired.records_too_large += 1;
            let message = format!(
                "could not write to topic `{topic}`: the record has {bytes} bytes, the limit is {limit}"
            );
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        Ok(())
    }

    /// Whether a delivery is to be held back.
    pub(crate) fn hold_delivery(&mut self) -> bool {
        self.fired.deliveries_held += usize::from(self.holding);
        self.holding
    }

    /// Whether a producer may take a record when it waits for so many.
    pub(crate) fn has_room(&self, held: usize) -> bool {
        self.room.is_none_or(|limit| held < limit)
    }
}
