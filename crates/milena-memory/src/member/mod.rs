mod answers;
mod events;
mod reading;

use crate::{
    assign::{Place, partition, place},
    group::Epochs,
    terms::Terms,
};
use milena_core::{
    error::Error,
    record::{Epoch, TopicPartition},
    transport::{Event, Selection},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    task::Waker,
    time::Duration,
};

/// A member of a consumer group, as the broker sees it.
pub(crate) struct Member {
    terms: Terms,
    settings: Settings,
    standing: Standing,
    /// Whether it can do nothing any more but go.
    failed: bool,
    /// Whether its next commit comes from the generation before.
    pub(crate) outdated: bool,
    /// What it is to have; what it has follows.
    target: BTreeSet<Place>,
    owned: BTreeMap<Place, Owned>,
    /// What happened and is to be told, in order. Revokes and assignments are not among it: they
    /// are the difference between `owned` and `target` at the time of the question.
    news: VecDeque<Event>,
    /// The answer to a commit that is kept back.
    answer: Option<Result<(), Error>>,
    invitation: Invitation,
    /// The partition that was read last; the others come first.
    last: Place,
    waker: Option<Waker>,
}

/// What new members are given.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) max_chunk: usize,
    pub(crate) revoke_within: Duration,
}

/// Where a member stands in its group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    In,
    /// The group goes on without it until it has been told so.
    Behind,
    /// It left, and its part is kept until it comes back.
    Absent,
    /// Another has its place.
    Out,
}

/// Whether it is told of an assignment that may be empty.
#[derive(Clone, Copy, PartialEq)]
enum Invitation {
    None,
    Open,
    Told,
}

struct Owned {
    epoch: Epoch,
    phase: Phase,
    parked: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// The member does not know yet.
    Granted,
    /// It was told, and has not answered. It may have sought an offset already.
    Assigned(Option<i64>),
    /// It was told and has answered, and a transaction is open that may commit where it begins.
    Waiting,
    /// The next record is at or behind this offset.
    Reading(i64),
    /// It was told to release the partition.
    Revoked,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_chunk: 500, revoke_within: Duration::from_mins(1) }
    }
}

impl Member {
    pub(crate) fn new(terms: Terms, settings: &Settings) -> Self {
        Self {
            terms,
            settings: settings.clone(),
            standing: Standing::In,
            failed: false,
            outdated: false,
            target: BTreeSet::new(),
            owned: BTreeMap::new(),
            news: VecDeque::new(),
            answer: None,
            invitation: Invitation::None,
            last: ("".into(), -1),
            waker: None,
        }
    }

    /// What it is to have from now on. A grant that it does not know of is taken back.
    pub(crate) fn aim(&mut self, target: BTreeSet<Place>) {
        self.owned.retain(|place, owned| owned.phase != Phase::Granted || target.contains(place));
        self.target = target;
    }

    /// Has it told what it got also when that is nothing, if it was never told before.
    pub(crate) fn invite(&mut self) {
        if self.invitation == Invitation::None && self.standing == Standing::In {
            self.invitation = Invitation::Open;
        }
    }

    /// As if it had never been told.
    pub(crate) fn uninvite(&mut self) {
        self.invitation = Invitation::None;
    }

    pub(crate) fn grant(&mut self, place: Place, epoch: Epoch) {
        self.owned.insert(place, Owned { epoch, phase: Phase::Granted, parked: false });
    }

    /// Takes the part of the one before it.
    pub(crate) fn inherit(&mut self, target: BTreeSet<Place>) {
        self.aim(target);
        self.invite();
    }

    /// Gives up a revoked partition. One that was assigned anew since is not what was meant.
    pub(crate) fn release(&mut self, place: &Place) {
        if self.owned.get(place).is_some_and(|owned| owned.phase == Phase::Revoked) {
            self.owned.remove(place);
        }
    }

    pub(crate) fn park(&mut self, place: &Place, parked: bool) {
        if let Some(owned) = self.owned.get_mut(place) {
            owned.parked = parked;
        }
    }

    /// Reads on at this offset under a new epoch, if the partition is its own and stays so.
    pub(crate) fn seek(&mut self, at: TopicPartition, offset: i64, epochs: &mut Epochs) {
        let Some(owned) = self.owned.get_mut(&place(&at)) else { return };
        owned.phase = match owned.phase {
            Phase::Assigned(_) => Phase::Assigned(Some(offset)),
            Phase::Reading(_) | Phase::Waiting => Phase::Reading(offset),
            Phase::Granted | Phase::Revoked => return,
        };
        owned.epoch = epochs.next();
        let epoch = owned.epoch;
        self.tell(Event::Moved(at, epoch, offset));
    }

    /// Reads this from now on; whether that is something else.
    pub(crate) fn select(&mut self, selection: Selection) -> bool {
        let other = self.terms.selection != selection;
        self.terms.selection = selection;
        other
    }

    /// Loses everything. It is out of the group until it has been told, if there is something to tell.
    pub(crate) fn fence(&mut self) {
        if self.lose(|_| true) {
            self.standing = Standing::Behind;
        }
        self.uninvite();
    }

    pub(crate) fn lose_topic(&mut self, topic: &str) {
        self.target.retain(|place| *place.0 != *topic);
        self.lose(|place| *place.0 == *topic);
    }

    /// It goes, and its part is kept.
    pub(crate) fn depart(&mut self) {
        self.owned.clear();
        self.standing = Standing::Absent;
    }

    /// Another has its place.
    pub(crate) fn expel(&mut self, error: Error) {
        self.owned.clear();
        self.target.clear();
        self.standing = Standing::Out;
        self.fail(error);
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether it shares what it reads with other members.
    pub(crate) fn shares(&self) -> bool {
        self.terms.shares()
    }

    pub(crate) fn is_behind(&self) -> bool {
        self.standing == Standing::Behind
    }

    pub(crate) fn target(&self) -> &BTreeSet<Place> {
        &self.target
    }

    pub(crate) fn owned(&self) -> impl Iterator<Item = &Place> {
        self.owned.keys()
    }

    /// Whether the partition is its own, and it knows.
    pub(crate) fn has(&self, place: &Place) -> bool {
        self.owned.get(place).is_some_and(|owned| owned.phase != Phase::Granted)
    }

    /// Loses these partitions; whether there is something to tell of that.
    fn lose(&mut self, which: impl Fn(&Place) -> bool) -> bool {
        let gone = self.owned.extract_if(.., |place, _| which(place));
        let known = gone.filter(|(_, owned)| owned.phase != Phase::Granted);
        let lost: Vec<_> = known.map(|(place, _)| partition(&place)).collect();
        let some = !lost.is_empty();
        if some {
            self.tell(Event::Lost(lost));
        }
        some
    }
}
