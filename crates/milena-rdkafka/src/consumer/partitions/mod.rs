//! The partitions that are read, and how far.

mod forward;
mod moves;
mod source;
mod split;

pub(super) use self::{
    moves::{Missing, Why, list_at},
    source::Refusal,
};

use self::source::{Flow, Source};
use super::step::Start;
use crate::native::{Client, Queue};
use milena_core::{
    record::{Epoch, TopicPartition},
    transport::Event,
};
use rdkafka::{Offset, TopicPartitionList};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

pub(super) struct Partitions {
    client: Arc<Client>,
    /// Where the queues of all partitions are forwarded to.
    queue: Arc<Queue>,
    sources: Vec<Source>,
    /// Where the source of a message stands, by the number of its topic and its partition.
    found: HashMap<Key, usize>,
    /// The last one that was found: records come in runs.
    last: (Key, usize),
    next_forward: Instant,
    next_move: Instant,
    /// The number of the batch that is being split.
    batch: u64,
    repeated: u64,
}

/// The number of a topic, and a partition of it.
type Key = (usize, i32);

const NOBODY: (Key, usize) = ((0, -1), 0);

impl Partitions {
    pub(super) fn new(client: Arc<Client>, queue: Arc<Queue>) -> Self {
        Self {
            client,
            queue,
            sources: Vec::new(),
            found: HashMap::new(),
            last: NOBODY,
            next_forward: Instant::now(),
            next_move: Instant::now(),
            batch: 0,
            repeated: 0,
        }
    }

    /// Gets ready for these, before it is known where they begin. Nothing of them is delivered yet.
    pub(super) fn add(&mut self, starts: &[Start], now: Instant) {
        self.forget();
        for (place, epoch, _) in starts {
            self.sources.push(Source::new(place.clone(), *epoch, now));
        }
    }

    /// Begins to read these, before librdkafka is told to. Those that have ended meanwhile are left out.
    pub(super) fn begin(
        &mut self,
        starts: &HashMap<TopicPartition, i64>,
        now: Instant,
    ) -> Vec<(TopicPartition, i64)> {
        let waits = |source: &Source| source.flow == Flow::Waiting;
        let chosen: Vec<_> = (0..self.sources.len())
            .filter(|index| waits(&self.sources[*index]))
            .filter(|index| starts.contains_key(&self.sources[*index].place))
            .collect();
        let places = chosen.iter().map(|index| &self.sources[*index].place);
        let positions = self.read_positions(places);
        let mut begun = Vec::with_capacity(chosen.len());
        for (index, position) in chosen.into_iter().zip(positions) {
            let source = &mut self.sources[index];
            source.go_to(starts[&source.place], now);
            source.began = source.next;
            source.flow = Flow::Running;
            source.positioned = position.is_none();
            begun.push((source.place.clone(), source.next));
        }
        self.forward_soon(&begun, now);
        begun
    }

    /// Nothing of these is delivered any more.
    pub(super) fn end(&mut self, places: &[TopicPartition]) {
        self.forget();
        let ended: HashSet<_> = places.iter().collect();
        self.sources.retain(|source| !ended.contains(&source.place));
    }

    /// What has nothing more to read before an offset that is not the next of a record.
    pub(super) fn positions(&mut self) -> Vec<Event> {
        let positions = self.read_positions(self.sources.iter().map(|source| &source.place));
        let mut events = Vec::new();
        for (source, position) in self.sources.iter_mut().zip(positions) {
            let Some(position) = position else {
                source.positioned = true;
                continue;
            };
            let trusted = (source.positioned || source.proven)
                && !source.parked
                && source.flow == Flow::Running;
            if trusted && position > source.next.max(source.doubtful) {
                source.next = position;
                events.push(Event::Position(source.place.clone(), source.epoch, position));
            }
        }
        events
    }

    /// The partitions that are held, with their epochs and when these began.
    pub(super) fn epochs(&self) -> impl Iterator<Item = (&TopicPartition, Epoch, Instant)> {
        self.sources.iter().map(|source| (&source.place, source.epoch, source.since))
    }

    /// How many partitions are read.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.sources.len()).unwrap_or(u32::MAX)
    }

    /// The topics that are read.
    pub(super) fn topics(&self) -> BTreeSet<Arc<str>> {
        self.sources.iter().map(|source| source.place.topic.clone()).collect()
    }

    fn source(&mut self, place: &TopicPartition) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| source.place == *place)
    }

    fn forget(&mut self) {
        self.found.clear();
        self.last = NOBODY;
    }

    /// librdkafka's positions; there is none before something was read.
    fn read_positions<'a>(
        &self,
        places: impl Iterator<Item = &'a TopicPartition>,
    ) -> Vec<Option<i64>> {
        let mut list = TopicPartitionList::new();
        for place in places {
            list.add_partition(&place.topic, place.partition);
        }
        self.client.positions(&mut list);
        let position =
            |offset| if let Offset::Offset(position) = offset { Some(position) } else { None };
        list.elements().iter().map(|at| position(at.offset())).collect()
    }
}
