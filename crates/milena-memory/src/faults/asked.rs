use super::{Fired, StepFault};
use crate::{TransactionStep, assign::Place};
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

/// The faults that were asked for.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) fired: Fired,
    pub(super) commits: VecDeque<ErrorKind>,
    pub(super) answers: VecDeque<Answering>,
    pub(super) writes: BTreeMap<Arc<str>, ErrorKind>,
    pub(super) record_bytes: Option<usize>,
    pub(super) holding: bool,
    pub(super) room: Option<usize>,
    /// The partitions that are not answered for, and whether that was noticed.
    pub(super) silent: BTreeMap<Place, bool>,
    pub(super) steps: BTreeMap<TransactionStep, VecDeque<StepFault>>,
    pub(super) delays: BTreeMap<TransactionStep, VecDeque<Duration>>,
}

/// What happens to the answer to a commit that was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answering {
    Now,
    Later,
    Never,
}

impl Asked {
    /// Why the next commit is refused, if it is.
    pub(crate) fn refuse_commit(&mut self) -> Option<ErrorKind> {
        let kind = self.commits.pop_front()?;
        self.fired.commits_refused += 1;
        Some(kind)
    }

    /// How a commit that was done is answered.
    pub(crate) fn answer_commit(&mut self) -> Answering {
        let answering = self.answers.pop_front().unwrap_or(Answering::Now);
        self.fired.commit_answers_held += usize::from(answering == Answering::Later);
        self.fired.commit_answers_lost += usize::from(answering == Answering::Never);
        answering
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

    /// Forgets a topic that was deleted.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.silent.retain(|place, _| *place.0 != *topic);
    }

    /// Whether there is an answer to a fetch of this partition, of which there is something to tell.
    pub(crate) fn answers_fetch(&mut self, place: &Place) -> bool {
        let Some(noticed) = self.silent.get_mut(place) else { return true };
        self.fired.fetches_held += usize::from(!std::mem::replace(noticed, true));
        false
    }
}
