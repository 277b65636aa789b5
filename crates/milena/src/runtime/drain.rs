use milena_core::record::TopicPartition;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// How long a commit at the end of a drain may take beyond the deadline, before it is given up.
const COMMIT_GRACE: Duration = Duration::from_secs(5);
/// How long each step that needs the broker may take when nobody wants to wait.
pub(super) const HASTE: Duration = Duration::from_secs(1);

/// Partitions that are given up in good order: what runs ends, what is settled is committed, and then
/// they are released.
#[derive(Debug)]
pub(crate) struct Drain {
    pub(crate) places: Vec<TopicPartition>,
    pub(crate) then: Then,
    pub(crate) began: Instant,
    pub(crate) deadline: Instant,
    grace: Duration,
    /// When to commit again, behind a commit that was refused for now.
    pub(crate) again: Option<Instant>,
    pub(crate) gave_up: bool,
    /// How long listeners may take, and the call by which they were told.
    pub(crate) listener_within: Duration,
    pub(crate) told: Option<u64>,
    pub(crate) heard: bool,
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
    /// These partitions, with this time for what runs, and for listeners.
    pub(crate) fn new(
        places: Vec<TopicPartition>,
        then: Then,
        (within, listener_within): (Duration, Duration),
    ) -> Self {
        let began = Instant::now();
        let deadline = began + within;
        let (again, gave_up, told, heard) = (None, false, None, false);
        let grace = COMMIT_GRACE;
        Self { places, then, began, deadline, grace, again, gave_up, listener_within, told, heard }
    }

    /// Whether no more commits are tried.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.gave_up || now >= self.deadline + self.grace
    }

    /// When to look at it again, if nothing happens before.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        match self.again {
            // Listeners answer in time by themselves.
            _ if self.told.is_some() => now + Duration::from_secs(60),
            Some(again) => again,
            None if now < self.deadline => self.deadline,
            None => self.deadline + self.grace,
        }
    }
}

/// The drains that are open; they are answered in order, and the close comes last.
#[derive(Debug, Default)]
pub(crate) struct Drains {
    open: VecDeque<Drain>,
    /// Whether a second signal asked to wait for nothing.
    hurried: bool,
}

impl Drains {
    pub(crate) fn add(&mut self, drain: Drain) {
        let close = self.open.iter().position(|open| open.then == Then::Close);
        match close.filter(|_| drain.then == Then::Release) {
            Some(close) => self.open.insert(close, drain),
            None => self.open.push_back(drain),
        }
    }

    pub(crate) fn front(&self) -> Option<&Drain> {
        self.open.front()
    }

    pub(crate) fn front_mut(&mut self) -> Option<&mut Drain> {
        self.open.front_mut()
    }

    pub(crate) fn pop(&mut self) -> Option<Drain> {
        self.open.pop_front()
    }

    /// These partitions are lost, so nothing is to be released.
    pub(crate) fn lost(&mut self, lost: &[TopicPartition]) {
        for drain in &mut self.open {
            drain.places.retain(|place| !lost.contains(place));
        }
        self.open.retain(|drain| !drain.places.is_empty() || drain.then == Then::Close);
    }

    /// Listeners have heard this call.
    pub(crate) fn heard(&mut self, call: u64) {
        self.open.iter_mut().filter(|it| it.told == Some(call)).for_each(|it| it.heard = true);
    }

    /// Whether nothing waits any longer.
    pub(crate) fn is_hurried(&self) -> bool {
        self.hurried
    }

    /// Nothing waits any longer.
    pub(crate) fn hurry(&mut self) {
        self.hurried = true;
        let now = Instant::now();
        for drain in &mut self.open {
            (drain.deadline, drain.grace) = (drain.deadline.min(now), HASTE);
            drain.heard |= drain.told.is_some();
            drain.listener_within = Duration::ZERO;
        }
    }
}
