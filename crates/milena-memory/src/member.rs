use crate::{
    assign::Place,
    log::{Read, Topics},
};
use milena_core::{
    record::{Chunk, Epoch, TopicPartition},
    transport::{Event, StartAt},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    sync::Arc,
    task::Waker,
    time::Duration,
};

/// A member of a consumer group, as the broker sees it.
pub(crate) struct Member {
    topics: BTreeSet<Arc<str>>,
    start: StartAt,
    settings: Settings,
    /// What it is to have; what it has follows.
    target: BTreeSet<Place>,
    owned: BTreeMap<Place, Owned>,
    /// What happened and is to be told, in order. Revokes and assignments are not among it: they
    /// are the difference between `owned` and `target` at the time of the question.
    news: VecDeque<Event>,
    /// Whether it has been told a first assignment, which may be empty.
    joined: bool,
    /// Whether the group goes on without it until it has been told so.
    fenced: bool,
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

struct Owned {
    epoch: Epoch,
    phase: Phase,
    parked: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// The member does not know yet.
    Granted,
    /// It was told, and has not answered.
    Assigned,
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
    pub(crate) fn new(topics: Vec<Arc<str>>, start: StartAt, settings: &Settings) -> Self {
        Self {
            topics: topics.into_iter().collect(),
            start,
            settings: settings.clone(),
            target: BTreeSet::new(),
            owned: BTreeMap::new(),
            news: VecDeque::new(),
            joined: false,
            fenced: false,
            last: ("".into(), -1),
            waker: None,
        }
    }

    /// What it is told next; that which concerns the membership comes before records.
    pub(crate) fn next_event(&mut self, topics: &Topics) -> Option<Event> {
        if let Some(event) = self.news.pop_front() {
            self.fenced &= !matches!(event, Event::Lost(_));
            return Some(event);
        }
        self.revoke().or_else(|| self.offer()).or_else(|| self.read(topics))
    }

    /// Something to tell it.
    pub(crate) fn tell(&mut self, event: Event) {
        self.news.push_back(event);
    }

    /// What it is to have from now on. A grant that it does not know of is taken back.
    pub(crate) fn aim(&mut self, target: BTreeSet<Place>) {
        self.owned.retain(|place, owned| owned.phase != Phase::Granted || target.contains(place));
        self.target = target;
    }

    pub(crate) fn grant(&mut self, place: Place, epoch: u64) {
        let owned = Owned { epoch: Epoch(epoch), phase: Phase::Granted, parked: false };
        self.owned.insert(place, owned);
    }

    /// Begins to read an assigned partition; whether it was one.
    pub(crate) fn begin(&mut self, place: &Place, position: i64) -> bool {
        let Some(owned) = self.owned.get_mut(place) else { return false };
        let begins = owned.phase == Phase::Assigned;
        if begins {
            owned.phase = Phase::Reading(position);
        }
        begins
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

    /// Loses everything. It is out of the group until it has been told, if there is something to tell.
    pub(crate) fn fence(&mut self) {
        let lost: Vec<_> = self
            .owned
            .iter()
            .filter(|(_, owned)| owned.phase != Phase::Granted)
            .map(|(place, _)| partition(place))
            .collect();
        self.owned.clear();
        self.joined = false;
        if !lost.is_empty() {
            self.fenced = true;
            self.tell(Event::Lost(lost));
        }
    }

    /// What is left to tell it when it has left: the answers to its commits.
    pub(crate) fn take_answers(&mut self) -> impl Iterator<Item = Event> {
        self.news.drain(..).filter(|event| matches!(event, Event::Committed(_)))
    }

    pub(crate) fn set_waker(&mut self, waker: &Waker) -> Option<Waker> {
        self.waker.replace(waker.clone())
    }

    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    pub(crate) fn topics(&self) -> &BTreeSet<Arc<str>> {
        &self.topics
    }

    pub(crate) fn start(&self) -> &StartAt {
        &self.start
    }

    pub(crate) fn target(&self) -> &BTreeSet<Place> {
        &self.target
    }

    pub(crate) fn owned(&self) -> impl Iterator<Item = &Place> {
        self.owned.keys()
    }

    pub(crate) fn is_fenced(&self) -> bool {
        self.fenced
    }

    /// Whether the partition is its own, and it knows.
    pub(crate) fn has(&self, place: &Place) -> bool {
        self.owned.get(place).is_some_and(|owned| owned.phase != Phase::Granted)
    }

    pub(crate) fn awaits_commit(&self) -> bool {
        self.news.iter().any(|event| matches!(event, Event::Committed(_)))
    }

    /// Asks for what it is no longer to have.
    fn revoke(&mut self) -> Option<Event> {
        let mut revoked = Vec::new();
        for (place, owned) in &mut self.owned {
            let asked = matches!(owned.phase, Phase::Granted | Phase::Revoked);
            if !asked && !self.target.contains(place) {
                owned.phase = Phase::Revoked;
                revoked.push(partition(place));
            }
        }
        let event = Event::Revoked(revoked, self.settings.revoke_within);
        matches!(&event, Event::Revoked(revoked, _) if !revoked.is_empty()).then_some(event)
    }

    /// Tells it what it got. The first time it is told also when that is nothing, as in Kafka.
    fn offer(&mut self) -> Option<Event> {
        let mut granted = Vec::new();
        for (place, owned) in &mut self.owned {
            if owned.phase == Phase::Granted {
                owned.phase = Phase::Assigned;
                granted.push((partition(place), owned.epoch));
            }
        }
        let first = !std::mem::replace(&mut self.joined, true);
        (first || !granted.is_empty()).then_some(Event::Assigned(granted))
    }

    fn read(&mut self, topics: &Topics) -> Option<Event> {
        let behind = (Bound::Excluded(&self.last), Bound::Unbounded);
        let mut turns = self.owned.range::<Place, _>(behind).chain(self.owned.range(..=&self.last));
        let place = turns.find(|(place, owned)| owned.has_more(place, topics))?.0.clone();
        let owned = self.owned.get_mut(&place)?;
        let Phase::Reading(position) = &mut owned.phase else { return None };
        let at = partition(&place);
        let event = match topics.log(&place)?.read(*position, self.settings.max_chunk) {
            Read::Records(records) => {
                *position = records.last()?.offset + 1;
                Event::Records(Chunk::new(at, owned.epoch, records))
            }
            Read::Hole(end) => {
                *position = end;
                Event::Position(at, owned.epoch, end)
            }
        };
        self.last = place;
        Some(event)
    }
}

impl Owned {
    fn has_more(&self, place: &Place, topics: &Topics) -> bool {
        match self.phase {
            Phase::Reading(position) if !self.parked => {
                topics.log(place).is_some_and(|log| position < log.end())
            }
            _ => false,
        }
    }
}

fn partition((topic, partition): &Place) -> TopicPartition {
    TopicPartition::new(topic.clone(), *partition)
}
