mod events;

use crate::conformance::{Guarantees, story::Story};
use milena_core::{
    Error, Record,
    record::{Epoch, TopicPartition},
    transport::{BoxFuture, Consumer, GroupMetadata, Lookup, Selection},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
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
    /// Whether what it commits when it is revoked may be refused.
    pub(super) forgets: bool,
    /// Whether it may fail.
    pub(super) fails: bool,
    /// How it failed.
    pub(super) failed: Option<Error>,
    /// The offsets that were not there, each with the one where it went on.
    pub(super) resets: Vec<(i64, i64)>,
    pub(super) guarantees: Guarantees,
    consumer: Box<dyn Consumer>,
    /// The moves that are due because of a seek, in order.
    seeking: VecDeque<(TopicPartition, i64)>,
    /// The moves that are due because of a reset.
    resetting: Vec<(TopicPartition, i64)>,
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
            forgets: false,
            fails: false,
            failed: None,
            resets: Vec::new(),
            seeking: VecDeque::new(),
            resetting: Vec::new(),
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

    /// Begins to move; an answer is due for what is its own.
    pub(super) fn seek(&mut self, to: Vec<(TopicPartition, i64)>) {
        let own = |(place, _): &&(TopicPartition, i64)| {
            self.held.get(place).is_some_and(|held| held.phase == Phase::Reading)
        };
        self.seeking.extend(to.iter().filter(own).cloned());
        self.story.tell(format!("seek {to:?}"));
        self.consumer.seek(to);
    }

    pub(super) fn is_seeking(&self) -> bool {
        !self.seeking.is_empty()
    }

    pub(super) fn select(&mut self, selection: Selection) {
        self.story.tell(format!("select {selection:?}"));
        self.consumer.select(selection);
    }

    pub(super) fn group_metadata(
        &mut self,
        partitions: Vec<TopicPartition>,
    ) -> BoxFuture<'static, Result<GroupMetadata, Error>> {
        self.consumer.group_metadata(partitions)
    }

    pub(super) fn lookup(&self) -> Arc<dyn Lookup> {
        self.consumer.lookup()
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

    fn give_up(&mut self, partitions: Vec<TopicPartition>) {
        self.forget(&partitions);
        self.story.tell(format!("release {partitions:?}"));
        self.consumer.release(partitions);
    }

    /// These partitions are not its own any more.
    fn forget(&mut self, partitions: &[TopicPartition]) {
        self.held.retain(|place, _| !partitions.contains(place));
        self.seeking.retain(|(place, _)| !partitions.contains(place));
        self.resetting.retain(|(place, _)| !partitions.contains(place));
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
