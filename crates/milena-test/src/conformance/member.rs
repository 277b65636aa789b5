use crate::conformance::{Guarantees, story::Story};
use milena_core::{
    Error, Record,
    error::ErrorKind,
    record::{Chunk, Epoch, TopicPartition},
    transport::{Consumer, Event},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    task::{Context, Poll, ready},
};

/// A consumer under test. It does what a well-behaved service does, and checks of every event what
/// is always promised.
pub(super) struct Member {
    /// What was read, but for records of partitions that were about to go.
    pub(super) records: Vec<Record>,
    /// Whether it begins to read what it is assigned, or leaves that to the test.
    pub(super) assigns: bool,
    /// Whether it commits and releases what is revoked, or leaves that to the test.
    pub(super) releases: bool,
    pub(super) guarantees: Guarantees,
    consumer: Box<dyn Consumer>,
    held: HashMap<TopicPartition, Held>,
    epochs: HashSet<(TopicPartition, Epoch)>,
    /// Whether a commit is on its way.
    committing: bool,
    /// What the last commit ended with.
    committed: Option<Result<(), Error>>,
    /// Revoked partitions that are released when the commit has ended.
    handing_over: Vec<TopicPartition>,
    stage: Stage,
    story: Story,
}

/// A partition that is the member's.
struct Held {
    epoch: Epoch,
    phase: Phase,
    /// Everything before this offset was read.
    position: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    Assigned,
    Reading,
    Revoked,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Member,
    /// It is about to go, so nothing counts as read any more.
    Finishing,
    Closing,
    Closed,
}

impl Member {
    pub(super) fn new(consumer: Box<dyn Consumer>, guarantees: &Guarantees) -> Self {
        Self {
            records: Vec::new(),
            assigns: true,
            releases: true,
            guarantees: guarantees.clone(),
            consumer,
            held: HashMap::new(),
            epochs: HashSet::new(),
            committing: false,
            committed: None,
            handing_over: Vec::new(),
            stage: Stage::Member,
            story: Story::default(),
        }
    }

    /// Begins to read everything that was assigned, at this offset if one is given.
    pub(super) fn assign(&mut self, offset: Option<i64>) {
        let partitions = self.in_phase(Phase::Assigned);
        for place in &partitions {
            self.set_phase(place, Phase::Reading);
        }
        self.consumer.assign(partitions.into_iter().map(|place| (place, offset)).collect());
    }

    /// Releases everything that was revoked.
    pub(super) fn release(&mut self) {
        let partitions = self.in_phase(Phase::Revoked);
        self.give_up(partitions);
    }

    pub(super) fn park(&mut self, place: &TopicPartition) {
        self.consumer.park(place);
    }

    pub(super) fn unpark(&mut self, place: &TopicPartition) {
        self.consumer.unpark(place);
    }

    /// Begins to commit these offsets.
    pub(super) fn begin_commit(&mut self, offsets: Vec<(TopicPartition, i64)>) {
        self.committing = true;
        self.story.tell(format!("commit {offsets:?}"));
        self.consumer.commit(offsets);
    }

    /// Begins to leave the group.
    pub(super) fn begin_close(&mut self) {
        self.stage = Stage::Closing;
        self.held.clear();
        self.story.tell("close".to_owned());
        self.consumer.close(self.guarantees.patience);
    }

    /// From here on nothing counts as read.
    pub(super) fn finish(&mut self) {
        self.stage = Stage::Finishing;
    }

    /// What the commit that the test began ended with.
    pub(super) fn take_committed(&mut self) -> Option<Result<(), Error>> {
        self.committed.take()
    }

    pub(super) fn has_committed(&self) -> bool {
        self.committed.is_some()
    }

    /// Whether a commit is on its way, the test's or one of its own.
    pub(super) fn is_committing(&self) -> bool {
        self.committing
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// How far everything that is its own was read.
    pub(super) fn positions(&self) -> Vec<(TopicPartition, i64)> {
        let position =
            |(place, held): (&TopicPartition, &Held)| Some((place.clone(), held.position?));
        self.held.iter().filter_map(position).collect()
    }

    pub(super) fn epoch(&self, place: &TopicPartition) -> Option<Epoch> {
        self.held.get(place).map(|held| held.epoch)
    }

    /// The partitions that are its own.
    pub(super) fn held(&self) -> HashSet<TopicPartition> {
        self.held.keys().cloned().collect()
    }

    pub(super) fn in_phase(&self, phase: Phase) -> Vec<TopicPartition> {
        let those = self.held.iter().filter(|(_, held)| held.phase == phase);
        those.map(|(place, _)| place.clone()).collect()
    }

    pub(super) fn story(&self) -> &Story {
        &self.story
    }

    /// The next event, if there is one: checks it, and answers it as far as that is left to the member.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let event = ready!(self.consumer.poll_event(cx));
        self.story.tell(format!("{event:?}"));
        self.check(!self.is_closed(), "an event came behind `Closed`");
        match event {
            Event::Records(chunk) => self.records(chunk),
            Event::Position(place, epoch, at) => self.advance(&place, epoch, (at, at)),
            Event::Assigned(partitions) => self.assigned(partitions),
            Event::Revoked(partitions, _) => self.revoked(partitions),
            Event::Lost(partitions) => self.held.retain(|place, _| !partitions.contains(place)),
            Event::Committed(result) => self.committed(result),
            Event::Closed => self.closed(),
            Event::Failed(error) => panic!("the consumer failed: {error:?}\n{}", self.story),
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

    fn give_up(&mut self, partitions: Vec<TopicPartition>) {
        self.held.retain(|place, _| !partitions.contains(place));
        self.story.tell(format!("release {partitions:?}"));
        self.consumer.release(partitions);
    }

    fn set_phase(&mut self, place: &TopicPartition, phase: Phase) {
        if let Some(held) = self.held.get_mut(place) {
            held.phase = phase;
        }
    }

    fn check(&self, promise: bool, broken: &str) {
        assert!(promise, "{broken}\n{}", self.story);
    }
}
