mod commit;
mod identity;
mod pending;
mod rebalance;
mod seats;

pub(crate) use self::identity::Identity;

use self::pending::Pending;
use crate::{
    assign::{Place, place},
    faults::Asked,
    member::Member,
    topics::Topics,
};
use milena_core::{
    error::{Error, ErrorKind},
    record::{Epoch, TopicPartition},
    transport::{Event, Fetch, Selection},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    task::Waker,
};

/// A consumer group: its members, and the offsets it committed.
///
/// Beside members that share partitions there may be some that named theirs, which take part in
/// nothing. A consumer without a group is the only member of one that has no name.
pub(crate) struct Group {
    name: Option<Arc<str>>,
    members: BTreeMap<u64, Member>,
    committed: BTreeMap<Place, i64>,
    pending: Pending,
    /// Where reading began when nothing was committed.
    began: BTreeMap<Place, i64>,
    epochs: Epochs,
    /// How often it was decided who is to have what.
    generation: u64,
    /// What there was to have at the last rebalance.
    view: BTreeSet<Place>,
    /// Whether somebody came or went, or there is something else to have.
    changed: bool,
    /// Whether something is free.
    released: bool,
    /// Whether everybody gives up everything before it is dealt out anew.
    clearing: bool,
}

/// Which group: that of this name, or that of a consumer without one.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum GroupId {
    Named(Arc<str>),
    Alone(u64),
}

/// What a group looks at.
pub(crate) struct World<'a> {
    pub(crate) topics: &'a Topics,
    pub(crate) asked: &'a mut Asked,
}

/// Gives out epochs.
#[derive(Default)]
pub(crate) struct Epochs(u64);

impl Group {
    pub(crate) fn new(id: &GroupId) -> Self {
        Self {
            name: id.name().cloned(),
            members: BTreeMap::new(),
            committed: BTreeMap::new(),
            pending: Pending::default(),
            began: BTreeMap::new(),
            epochs: Epochs::default(),
            generation: 0,
            view: BTreeSet::new(),
            changed: false,
            released: false,
            clearing: false,
        }
    }

    pub(crate) fn next_event(&mut self, id: u64, world: &mut World<'_>) -> Option<Event> {
        let member = self.members.get_mut(&id)?;
        let was_out = member.is_behind();
        let event = member.next_event(world, &mut self.epochs);
        self.changed |= was_out && !member.is_behind();
        event
    }

    /// Begins to read, at the given offset, else the committed one, else where new groups start. It waits where an
    /// open transaction may commit another one.
    pub(crate) fn assign(
        &mut self,
        id: u64,
        partitions: Vec<(TopicPartition, Option<i64>)>,
        topics: &Topics,
    ) {
        let Some(member) = self.members.get_mut(&id) else { return };
        for (at, offset) in partitions {
            let place = place(&at);
            let known = offset.or_else(|| member.sought(&place));
            if known.is_none() && member.needs_stable() && !self.pending.is_stable(&place) {
                member.wait(&place);
                continue;
            }
            let Some(log) = topics.log(&place) else { continue };
            let committed = self.committed.get(&place).copied();
            let known = known.or(committed);
            let Some(position) = known.or_else(|| member.terms().begin(&place, log)) else {
                return member.fail(nothing_committed(self.name.as_deref(), &at));
            };
            if member.begin(&place, position) && committed.is_none() {
                self.began.insert(place, position);
            }
        }
    }

    pub(crate) fn seek(&mut self, id: u64, to: Vec<(TopicPartition, i64)>) {
        let Some(member) = self.members.get_mut(&id) else { return };
        for (at, offset) in to {
            member.seek(at, offset, &mut self.epochs);
        }
    }

    pub(crate) fn select(&mut self, id: u64, selection: Selection) {
        if let Some(member) = self.members.get_mut(&id) {
            self.changed |= member.select(selection);
        }
    }

    pub(crate) fn release(&mut self, id: u64, partitions: &[TopicPartition]) {
        let Some(member) = self.members.get_mut(&id) else { return };
        partitions.iter().for_each(|at| member.release(&place(at)));
        self.released = true;
    }

    pub(crate) fn park(&mut self, id: u64, partition: &TopicPartition, parked: bool) {
        if let Some(member) = self.members.get_mut(&id) {
            member.park(&place(partition), parked);
        }
    }

    /// The member cannot go on.
    pub(crate) fn fail(&mut self, id: u64, error: Error) {
        if let Some(member) = self.members.get_mut(&id) {
            member.fail(error);
        }
    }

    /// Forgets a topic that was deleted.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.committed.retain(|place, _| *place.0 != *topic);
        self.began.retain(|place, _| *place.0 != *topic);
        self.pending.forget(topic);
        self.members.values_mut().for_each(|member| member.lose_topic(topic));
    }

    /// Tells each member what is said of its partitions; how many were told something.
    pub(crate) fn report_fetches(&mut self, fetches: &[Fetch]) -> usize {
        self.members.values_mut().filter_map(|member| member.report_fetches(fetches)).count()
    }

    pub(crate) fn set_waker(&mut self, id: u64, waker: &Waker) -> Option<Waker> {
        self.members.get_mut(&id)?.set_waker(waker)
    }

    pub(crate) fn take_waker(&mut self, id: u64) -> Option<Waker> {
        self.members.get_mut(&id)?.take_waker()
    }

    pub(crate) fn take_wakers(&mut self) -> impl Iterator<Item = Waker> {
        self.members.values_mut().filter_map(Member::take_waker)
    }

    /// The wakers of those that may read the partition.
    pub(crate) fn take_wakers_of_readers(&mut self, place: &Place) -> impl Iterator<Item = Waker> {
        let readers = self.members.values_mut().filter(|member| member.has(place));
        readers.filter_map(Member::take_waker)
    }
}

impl GroupId {
    /// The group's name, if it has one.
    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Named(name) => Some(name),
            Self::Alone(_) => None,
        }
    }
}

impl Epochs {
    pub(crate) fn next(&mut self) -> Epoch {
        self.0 += 1;
        Epoch(self.0)
    }
}

fn nothing_committed(group: Option<&str>, at: &TopicPartition) -> Error {
    let cause = match group {
        Some(group) => format!("group `{group}` has committed nothing"),
        None => "a consumer without a group has committed nothing".to_owned(),
    };
    Error::new(ErrorKind::OutOfRange, format!("could not begin to read `{at}`: {cause}"))
}
