use super::step::Start;
use crate::native::{Batch, Client, Message, Messages, Queue};
use milena_core::{
    record::{Chunk, Epoch, OwnedRecord, TopicPartition},
    transport::Event,
};
use rdkafka::{Offset, TopicPartitionList, error::RDKafkaErrorCode as Code};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// How often what has delivered nothing is forwarded again: soon after it was assigned, and later.
const FORWARD_SOON: Duration = Duration::from_millis(100);
const FORWARD_LATER: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(3);

/// The partitions that are read, and how far.
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
    /// The number of the batch that is being split.
    batch: u64,
    repeated: u64,
}

/// The number of a topic, and a partition of it.
type Key = (usize, i32);

const NOBODY: (Key, usize) = ((0, -1), 0);

struct Source {
    place: TopicPartition,
    epoch: Epoch,
    /// Nothing before this offset is delivered any more.
    next: i64,
    /// Up to here librdkafka's position says nothing: an error moved it.
    doubtful: i64,
    since: Instant,
    parked: bool,
    /// Whether a record came through the queue, so that it is surely forwarded.
    proven: bool,
    /// Whether librdkafka's position is of this assignment, and not of one that it has not stopped yet.
    positioned: bool,
    /// Its list in the batch of this number.
    slot: (u64, usize),
}

/// An error that librdkafka read in place of a record.
pub(super) struct Refusal {
    pub(super) place: TopicPartition,
    pub(super) offset: i64,
    pub(super) code: Code,
    pub(super) text: String,
}

impl Partitions {
    pub(super) fn new(client: Arc<Client>, queue: Arc<Queue>) -> Self {
        Self {
            client,
            queue,
            sources: Vec::new(),
            found: HashMap::new(),
            last: NOBODY,
            next_forward: Instant::now(),
            batch: 0,
            repeated: 0,
        }
    }

    /// Begins to read these, before librdkafka is told to.
    pub(super) fn begin(&mut self, starts: &[Start], now: Instant) {
        self.forget();
        let positions = self.read_positions(starts.iter().map(|(place, ..)| place));
        for ((place, epoch, offset), position) in starts.iter().zip(positions) {
            self.sources.push(Source {
                place: place.clone(),
                epoch: *epoch,
                next: offset.unwrap_or(0),
                doubtful: 0,
                since: now,
                parked: false,
                proven: false,
                positioned: position.is_none(),
                slot: (0, 0),
            });
            self.forward(place, true);
        }
        self.next_forward = now + FORWARD_SOON;
    }

    /// Nothing of these is delivered any more.
    pub(super) fn end(&mut self, places: &[TopicPartition]) {
        self.forget();
        self.sources.retain(|source| !places.contains(&source.place));
    }

    /// Lets a partition deliver, or keep what it fetches to itself.
    pub(super) fn park(&mut self, place: &TopicPartition, parked: bool) {
        if let Some(source) = self.sources.iter_mut().find(|source| source.place == *place) {
            source.parked = parked;
            self.forward(place, !parked);
        }
    }

    /// librdkafka drops a forward when it stops an earlier assignment late, so this is done until a
    /// record came through.
    pub(super) fn forward_again(&mut self, now: Instant) {
        if now < self.next_forward {
            return;
        }
        let mut soon = false;
        for source in self.sources.iter().filter(|source| !source.proven && !source.parked) {
            soon |= now - source.since < SOON;
            self.forward(&source.place, true);
        }
        self.next_forward = now + if soon { FORWARD_SOON } else { FORWARD_LATER };
    }

    /// Makes chunks of what was read, and gives the errors among it back.
    pub(super) fn split(&mut self, batch: &mut Batch) -> (Vec<Chunk>, Vec<Refusal>) {
        let (mut slots, mut refusals) = (Vec::new(), Vec::new());
        self.batch += 1;
        let lists = batch.split(|message| {
            if let Some(code) = message.error() {
                refusals.push(Refusal::new(message, code));
                return None;
            }
            self.slot(message, &mut slots)
        });
        let chunk = |(source, messages): (usize, Messages)| {
            let Source { place, epoch, .. } = &self.sources[source];
            Chunk::new(place.clone(), *epoch, messages)
        };
        (slots.into_iter().zip(lists).map(chunk).collect(), refusals)
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
            let trusted = (source.positioned || source.proven) && !source.parked;
            if trusted && position > source.next.max(source.doubtful) {
                source.next = position;
                events.push(Event::Position(source.place.clone(), source.epoch, position));
            }
        }
        events
    }

    /// Sets librdkafka back to where an error was, behind which it would go on. `false` if it is not read.
    pub(super) fn step_back(&mut self, refusal: &Refusal) -> bool {
        let mut sources = self.sources.iter_mut();
        let Some(source) = sources.find(|source| source.place == refusal.place) else {
            return false;
        };
        if refusal.offset >= source.next {
            source.doubtful = refusal.offset + 1;
            if let Err(code) = seek(&self.client, refusal) {
                tracing::warn!(partition = %refusal.place, %code, "could not step back to where an error was");
            }
        }
        true
    }

    /// Makes a chunk of a record that came another way, if it is not behind.
    pub(super) fn adopt(&mut self, place: &TopicPartition, record: OwnedRecord) -> Option<Chunk> {
        let source = self.sources.iter_mut().find(|source| source.place == *place)?;
        if record.offset < source.next {
            self.repeated += 1;
            return None;
        }
        source.next = record.offset + 1;
        Some(Chunk::new(source.place.clone(), source.epoch, vec![record]))
    }

    /// How many records came a second time, and were dropped.
    pub(super) fn repeated(&self) -> u64 {
        self.repeated
    }

    fn slot(&mut self, message: &Message, slots: &mut Vec<usize>) -> Option<usize> {
        let key = (message.topic_id(), message.partition());
        if self.last.0 != key {
            self.last = (key, self.found.get(&key).copied().or_else(|| self.find(message))?);
        }
        let index = self.last.1;
        let source = &mut self.sources[index];
        if message.offset() < source.next {
            self.repeated += 1;
            return None;
        }
        source.next = message.offset() + 1;
        source.proven = true;
        if source.slot.0 != self.batch {
            source.slot = (self.batch, slots.len());
            slots.push(index);
        }
        Some(source.slot.1)
    }

    fn find(&mut self, message: &Message) -> Option<usize> {
        let (topic, partition) = (message.topic(), message.partition());
        let is = |at: &TopicPartition| at.partition == partition && *at.topic == *topic;
        let index = self.sources.iter().position(|source| is(&source.place))?;
        self.found.insert((message.topic_id(), partition), index);
        Some(index)
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

    fn forward(&self, place: &TopicPartition, on: bool) {
        let queue = Queue::of_partition(self.client.clone(), &place.topic, place.partition);
        match queue {
            Some(queue) => queue.forward(on.then_some(&self.queue)),
            None => tracing::error!(partition = %place, "could not find the queue of a partition"),
        }
    }
}

impl Refusal {
    fn new(message: &Message, code: Code) -> Self {
        Self {
            place: TopicPartition::new(message.topic(), message.partition()),
            offset: message.offset(),
            code,
            text: String::from_utf8_lossy(message.value().unwrap_or_default()).into_owned(),
        }
    }
}

fn seek(client: &Client, refusal: &Refusal) -> Result<(), Code> {
    let (place, offset) = (&refusal.place, Offset::Offset(refusal.offset));
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition_offset(&place.topic, place.partition, offset)
        .map_err(|_| Code::InvalidArgument)?;
    client.seek(&list)
}
