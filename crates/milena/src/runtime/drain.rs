use milena_core::record::TopicPartition;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// How long a commit at the end of a drain may take beyond the deadline, before it is given up.
const COMMIT_GRACE: Duration = Duration::from_secs(5);

/// Partitions that are given up in good order: what runs ends, what is settled is committed, and then
/// they are released.
#[derive(Debug)]
pub(crate) struct Drain {
    pub(crate) places: Vec<TopicPartition>,
    pub(crate) then: Then,
    pub(crate) deadline: Instant,
    /// When to commit again, behind a commit that was refused for now.
    pub(crate) again: Option<Instant>,
    pub(crate) gave_up: bool,
}

/// What comes behind a drain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    /// The group gives the partitions to others.
    Release,
    /// The consumer leaves the group.
    Close,
}

impl Drain {
    pub(crate) fn new(places: Vec<TopicPartition>, then: Then, within: Duration) -> Self {
        Self { places, then, deadline: Instant::now() + within, again: None, gave_up: false }
    }

    /// Whether no more commits are tried.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.gave_up || now >= self.deadline + COMMIT_GRACE
    }

    /// When to look at it again, if nothing happens before.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        match self.again {
            Some(again) => again,
            None if now < self.deadline => self.deadline,
            None => self.deadline + COMMIT_GRACE,
        }
    }
}

/// The drains that are open; they are answered in order, and the close comes last.
#[derive(Debug, Default)]
pub(crate) struct Drains(VecDeque<Drain>);

impl Drains {
    pub(crate) fn add(&mut self, drain: Drain) {
        let close = self.0.iter().position(|open| open.then == Then::Close);
        match close.filter(|_| drain.then == Then::Release) {
            Some(close) => self.0.insert(close, drain),
            None => self.0.push_back(drain),
        }
    }

    pub(crate) fn front(&self) -> Option<&Drain> {
        self.0.front()
    }

    pub(crate) fn front_mut(&mut self) -> Option<&mut Drain> {
        self.0.front_mut()
    }

    pub(crate) fn pop(&mut self) -> Option<Drain> {
        self.0.pop_front()
    }

    /// These partitions are lost, so nothing is to be released.
    pub(crate) fn lost(&mut self, lost: &[TopicPartition]) {
        for drain in &mut self.0 {
            drain.places.retain(|place| !lost.contains(place));
        }
        self.0.retain(|drain| !drain.places.is_empty() || drain.then == Then::Close);
    }

    /// Nothing waits any longer.
    pub(crate) fn hurry(&mut self) {
        let now = Instant::now();
        self.0.iter_mut().for_each(|drain| drain.deadline = drain.deadline.min(now));
    }
}
