use super::{Member, Owned, Phase};
use crate::{
    assign::{Place, partition},
    group::{Epochs, World},
    log::{Log, Read},
};
use milena_core::{
    error::{Error, ErrorKind},
    record::Chunk,
    transport::{Event, IsolationLevel, Reset},
};
use std::ops::Bound;

/// What a member reads.
impl Member {
    /// Begins to read an assigned partition; whether it was one.
    pub(crate) fn begin(&mut self, place: &Place, position: i64) -> bool {
        let Some(owned) = self.owned.get_mut(place) else { return false };
        let begins = matches!(owned.phase, Phase::Assigned(_) | Phase::Waiting);
        if begins {
            owned.phase = Phase::Reading(position);
        }
        begins
    }

    /// Begins to read an assigned partition later, when it is known what is committed.
    pub(crate) fn wait(&mut self, place: &Place) {
        if let Some(owned) =
            self.owned.get_mut(place).filter(|it| it.phase == Phase::Assigned(None))
        {
            owned.phase = Phase::Waiting;
        }
    }

    /// Whether it begins nowhere that an open transaction may change.
    pub(crate) fn needs_stable(&self) -> bool {
        self.terms.isolation == IsolationLevel::ReadCommitted
    }

    /// The partitions that it waits to read.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Place> {
        self.owned.iter().filter(|(_, it)| it.phase == Phase::Waiting).map(|(place, _)| place)
    }

    /// The offset that it sought in a partition before it began to read it.
    pub(crate) fn sought(&self, place: &Place) -> Option<i64> {
        match self.owned.get(place)?.phase {
            Phase::Assigned(sought) => sought,
            _ => None,
        }
    }

    pub(super) fn read(&mut self, world: &mut World<'_>, epochs: &mut Epochs) -> Option<Event> {
        let behind = (Bound::Excluded(&self.last), Bound::Unbounded);
        let mut turns = self.owned.range::<Place, _>(behind).chain(self.owned.range(..=&self.last));
        let level = self.terms.isolation;
        let place = turns.find(|(place, owned)| owned.has_more(place, world, level))?.0.clone();
        let log = world.topics.log(&place)?;
        let owned = self.owned.get_mut(&place)?;
        let Phase::Reading(position) = &mut owned.phase else { return None };
        if !log.reaches(*position) {
            return self.reset(&place, log, epochs);
        }
        let at = partition(&place);
        let event = match log.read(*position, self.settings.max_chunk, self.terms.isolation) {
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

    /// Reads on somewhere else, as the offset to go on from is not there.
    fn reset(&mut self, place: &Place, log: &Log, epochs: &mut Epochs) -> Option<Event> {
        let owned = self.owned.get_mut(place)?;
        let Phase::Reading(from) = owned.phase else { return None };
        let at = partition(place);
        let to = match self.terms.reset {
            Reset::Earliest => log.begin(),
            Reset::Latest => log.end_at(self.terms.isolation),
            Reset::Error => {
                let (begin, end) = (log.begin(), log.end());
                let message =
                    format!("could not read `{at}` from offset {from} on: it has {begin} to {end}");
                self.failed = true;
                return Some(Event::Failed(Error::new(ErrorKind::OutOfRange, message)));
            }
        };
        owned.epoch = epochs.next();
        owned.phase = Phase::Reading(to);
        let moved = Event::Moved(at.clone(), owned.epoch, to);
        self.tell(moved);
        Some(Event::Reset { partition: at, from, to })
    }
}

impl Owned {
    /// Whether there is something to tell of the partition.
    fn has_more(&self, place: &Place, world: &mut World<'_>, level: IsolationLevel) -> bool {
        match self.phase {
            Phase::Reading(position) if !self.parked => {
                let more = |log: &Log| position < log.end_at(level) || !log.reaches(position);
                world.topics.log(place).is_some_and(more) && world.asked.answers_fetch(place)
            }
            _ => false,
        }
    }
}
