use super::{Held, Member, Phase, Stage};
use milena_core::{
    Error, Record,
    error::ErrorKind,
    record::{Chunk, Epoch, TopicPartition},
    transport::Event,
};
use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

/// What becomes of events.
impl Member {
    /// The next event, if there is one: checks it, and answers it as far as that is left to the member.
    pub(in crate::conformance) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let event = ready!(self.consumer.poll_event(cx));
        self.story.tell(format!("{event:?}"));
        self.check(!self.is_closed(), "an event came behind `Closed`");
        match event {
            Event::Records(chunk) => self.records(chunk),
            Event::Position(place, epoch, at) => self.advance(&place, epoch, (at, at)),
            Event::Assigned(partitions) => self.assigned(partitions),
            Event::Revoked(partitions, _) => self.revoked(partitions),
            Event::Moved(place, epoch, to) => self.moved(&place, epoch, to),
            Event::Reset { partition, from, to } => self.reset(partition, (from, to)),
            Event::Lost(partitions) => self.forget(&partitions),
            Event::Committed(result) => self.committed(result),
            Event::Closed => self.closed(),
            Event::Failed(error) => self.fail(error),
            _ => {}
        }
        self.hand_over();
        Poll::Ready(())
    }

    fn records(&mut self, chunk: Chunk) {
        let offsets: Vec<i64> = (0..chunk.len()).map(|i| chunk.records().offset(i)).collect();
        self.check(offsets.is_sorted_by(|a, b| a < b), "the offsets of a chunk do not rise");
        let reads = self.stage == Stage::Member
            && self.held.get(chunk.place()).is_some_and(|held| held.phase == Phase::Reading);
        self.advance(chunk.place(), chunk.epoch(), (offsets[0], offsets[chunk.len() - 1] + 1));
        if reads {
            let chunk = Arc::new(chunk);
            self.records.extend((0..).take(offsets.len()).map(|i| Record::new(chunk.clone(), i)));
        }
    }

    /// Everything of this partition up to the end of this range was read.
    fn advance(&mut self, place: &TopicPartition, epoch: Epoch, (from, to): (i64, i64)) {
        if self.stage == Stage::Closing {
            return;
        }
        let Some(held) = self.held.get(place) else {
            return self.check(false, &format!("`{place}` was read and is not this member's"));
        };
        let (assigned, due) = (held.phase == Phase::Assigned, held.position.unwrap_or(0) <= from);
        self.check(held.epoch == epoch, &format!("`{place}` was read in another epoch"));
        self.check(!assigned, &format!("`{place}` was read before `assign`"));
        self.check(due, &format!("`{place}` was read twice from {from} on"));
        if let (Stage::Member, Some(held)) = (self.stage, self.held.get_mut(place))
            && held.phase == Phase::Reading
        {
            held.position = Some(to);
        }
    }

    /// Reading goes on elsewhere, because of a reset or of the first seek that is not answered yet.
    fn moved(&mut self, place: &TopicPartition, epoch: Epoch, to: i64) {
        if self.stage == Stage::Closing {
            return;
        }
        let move_to = (place.clone(), to);
        match self.resetting.iter().position(|due| *due == move_to) {
            Some(index) => drop(self.resetting.remove(index)),
            None => {
                let due = self.seeking.pop_front();
                let what = format!("`{place}` moved to {to}, and {due:?} was due");
                self.check(due == Some(move_to), &what);
            }
        }
        let new = self.epochs.insert((place.clone(), epoch));
        self.check(new, &format!("the epoch of `{place}` is not new"));
        match self.held.get_mut(place) {
            Some(held) => (held.epoch, held.position) = (epoch, Some(to)),
            None => self.check(false, &format!("`{place}` moved and is not this member's")),
        }
    }

    fn reset(&mut self, place: TopicPartition, (from, to): (i64, i64)) {
        self.resets.push((from, to));
        self.resetting.push((place, to));
    }

    fn fail(&mut self, error: Error) {
        assert!(self.fails, "the consumer failed: {error:?}\n{}", self.story);
        self.failed = Some(error);
    }

    fn assigned(&mut self, partitions: Vec<(TopicPartition, Epoch)>) {
        if self.stage == Stage::Closing {
            return;
        }
        for (place, epoch) in partitions {
            let new = self.epochs.insert((place.clone(), epoch));
            self.check(new, &format!("the epoch of `{place}` is not new"));
            let held = Held { epoch, phase: Phase::Assigned, position: None };
            let before = self.held.insert(place.clone(), held);
            self.check(before.is_none(), &format!("`{place}` was assigned twice"));
        }
        if self.assigns {
            self.assign(None);
        }
    }

    fn revoked(&mut self, partitions: Vec<TopicPartition>) {
        if self.stage == Stage::Closing {
            return self.consumer.release(partitions);
        }
        for place in partitions {
            let held = self.held.get(&place).is_some_and(|held| held.phase != Phase::Revoked);
            self.check(held, &format!("`{place}` was revoked and is not this member's"));
            self.set_phase(&place, Phase::Revoked);
            self.seeking.retain(|(sought, _)| *sought != place);
        }
    }

    /// Commits what was revoked, and when that is done releases it.
    fn hand_over(&mut self) {
        let ready = self.releases && !self.committing && self.handing_over.is_empty();
        let revoked = self.in_phase(Phase::Revoked);
        if !ready || revoked.is_empty() {
            return;
        }
        let mut offsets = self.positions();
        offsets.retain(|(place, _)| revoked.contains(place));
        if offsets.is_empty() {
            return self.give_up(revoked);
        }
        self.handing_over = revoked;
        self.begin_commit(offsets);
    }

    fn committed(&mut self, result: Result<(), Error>) {
        self.check(self.committing, "a commit was answered twice");
        self.committing = false;
        let partitions = std::mem::take(&mut self.handing_over);
        match &result {
            _ if partitions.is_empty() => self.committed = Some(result),
            Ok(()) => self.give_up(partitions),
            Err(error) if self.forgets && error.kind() != ErrorKind::Rebalancing => {
                self.give_up(partitions);
            }
            Err(error) => {
                let again = error.kind() == ErrorKind::Rebalancing;
                self.check(again, &format!("could not commit a revoked partition: {error:?}"));
            }
        }
    }

    fn closed(&mut self) {
        self.check(self.stage == Stage::Closing, "`Closed` came without a close");
        self.stage = Stage::Closed;
    }
}
