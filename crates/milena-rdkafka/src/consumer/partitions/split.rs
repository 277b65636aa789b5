use super::{Flow, Partitions, Refusal, Source};
use crate::native::{Batch, Message, Messages};
use milena_core::record::{Chunk, OwnedRecord, TopicPartition};

/// What becomes of records.
impl Partitions {
    /// Makes chunks of what was read, and gives the errors among it back.
    pub(in crate::consumer) fn split(&mut self, batch: &mut Batch) -> (Vec<Chunk>, Vec<Refusal>) {
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

    /// Makes a chunk of a record that came another way, if it is not behind.
    pub(in crate::consumer) fn adopt(
        &mut self,
        place: &TopicPartition,
        record: OwnedRecord,
    ) -> Option<Chunk> {
        let source = self.source(place).filter(|source| source.flow == Flow::Running)?;
        if record.offset < source.next {
            self.repeated += 1;
            return None;
        }
        source.next = record.offset + 1;
        Some(Chunk::new(source.place.clone(), source.epoch, vec![record]))
    }

    /// How many records came a second time, and were dropped.
    pub(in crate::consumer) fn repeated(&self) -> u64 {
        self.repeated
    }

    fn slot(&mut self, message: &Message, slots: &mut Vec<usize>) -> Option<usize> {
        let key = (message.topic_id(), message.partition());
        if self.last.0 != key {
            self.last = (key, self.found.get(&key).copied().or_else(|| self.find(message))?);
        }
        let index = self.last.1;
        let source = &mut self.sources[index];
        if source.flow != Flow::Running {
            return None;
        }
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
}
