use super::{Flow, Partitions, Refusal, Source};
use crate::consumer::{step::Move, topics::CreatedAgain};
use milena_core::record::{Epoch, TopicPartition};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// librdkafka answers a seek from its own thread, asking nobody, so in microseconds.
const ANSWER: Duration = Duration::from_secs(1);
/// How often a seek is tried again that came before the partition was read, and how long that is usual.
const AGAIN: Duration = Duration::from_millis(5);
const LATER: Duration = Duration::from_millis(100);
const USUAL: Duration = Duration::from_secs(1);

/// A partition whose offset is not there.
#[derive(Clone, Debug)]
pub(in crate::consumer) struct Missing {
    pub(in crate::consumer) place: TopicPartition,
    pub(in crate::consumer) epoch: Epoch,
    pub(in crate::consumer) from: i64,
    pub(in crate::consumer) why: Why,
}

/// Why an offset is not there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::consumer) enum Why {
    /// The broker says so.
    Gone,
    /// What stands there now is something else.
    Truncated,
    /// The topic is another, of the same name.
    CreatedAgain,
}

impl Why {
    pub(in crate::consumer) fn text(self) -> &'static str {
        match self {
            Self::Gone | Self::Truncated => "an offset was not there",
            Self::CreatedAgain => {
                "a topic was created again, and is read from where the new one begins"
            }
        }
    }
}

/// Partitions that go on elsewhere.
impl Partitions {
    /// Goes on at these offsets. Those that have not begun are given back.
    pub(in crate::consumer) fn go_to(
        &mut self,
        moves: &[Move],
        now: Instant,
    ) -> Vec<(TopicPartition, i64)> {
        let mut waiting = Vec::new();
        for (place, epoch, offset) in moves {
            let Some(source) = self.source(place) else { continue };
            source.epoch = *epoch;
            source.go_to(*offset, now);
            (source.chosen, source.began) = (now, 0);
            source.flow = match source.flow {
                Flow::Waiting => {
                    waiting.push((place.clone(), *offset));
                    Flow::Waiting
                }
                Flow::Running | Flow::Seeking => Flow::Seeking,
                Flow::Stopped | Flow::Restarting => Flow::Restarting,
            };
        }
        self.next_move = now;
        waiting
    }

    /// Tells librdkafka where to go on. It cannot before it has begun to read a partition, nor when it has
    /// given up, so this is done until it could.
    pub(in crate::consumer) fn seek(&mut self, now: Instant) {
        if now < self.next_move || !self.sources.iter().any(|it| it.flow == Flow::Seeking) {
            return;
        }
        let mut list = TopicPartitionList::new();
        let mut seeking: Vec<_> =
            self.sources.iter_mut().filter(|source| source.flow == Flow::Seeking).collect();
        for source in &seeking {
            add(&mut list, &source.place, source.next);
        }
        if let Err(code) = self.client.seek(&mut list, ANSWER) {
            tracing::warn!(%code, "could not seek, and will try again");
        }
        let mut again = LATER;
        for (source, at) in seeking.iter_mut().zip(list.elements()) {
            if at.error().is_ok() {
                source.flow = Flow::Running;
                source.positioned = true;
            } else if now - source.since < USUAL {
                again = AGAIN;
            }
        }
        self.next_move = now + again;
    }

    /// librdkafka gave a partition up, because its offset is not there. What is to be asked about that.
    pub(in crate::consumer) fn stopped(&mut self, refusal: &Refusal) -> Option<Missing> {
        let source = self.source(&refusal.place)?;
        match source.flow {
            Flow::Running => source.flow = Flow::Stopped,
            Flow::Seeking => source.flow = Flow::Restarting,
            Flow::Waiting | Flow::Stopped | Flow::Restarting => {}
        }
        let why = if refusal.text.contains("truncat") { Why::Truncated } else { Why::Gone };
        (source.flow == Flow::Stopped).then(|| source.missing(why))
    }

    /// A topic was created again. What was chosen before is an offset of the old one, and so may be what was
    /// committed: whoever gave it back may have meant the old one. What is to be asked about that.
    pub(in crate::consumer) fn created_again(&mut self, again: &mut CreatedAgain) -> Vec<Missing> {
        let is_of = |it: &&mut Source| it.flow == Flow::Running && it.place.topic == again.topic;
        let mut missing = Vec::new();
        for source in self.sources.iter_mut().filter(is_of) {
            let is_old = source.chosen <= again.behind || source.began > 0;
            if again.begun.insert(source.place.partition) && is_old {
                source.flow = Flow::Stopped;
                missing.push(source.missing(Why::CreatedAgain));
            }
        }
        missing
    }

    /// Whether a partition that was given up is not begun again yet, under this epoch.
    pub(in crate::consumer) fn is_stopped(&self, missing: &Missing) -> bool {
        let is = |it: &&Source| it.place == missing.place && it.epoch == missing.epoch;
        self.sources.iter().find(is).is_some_and(|source| source.flow == Flow::Stopped)
    }

    /// The offset is there after all.
    pub(in crate::consumer) fn go_on(&mut self, missing: &Missing) {
        if let Some(source) = self.source(&missing.place) {
            source.flow = Flow::Restarting;
        }
    }

    /// Whether librdkafka is to begin something again.
    pub(in crate::consumer) fn is_restarting(&self) -> bool {
        self.sources.iter().any(|source| source.flow == Flow::Restarting)
    }

    /// What librdkafka is to begin again, and where: those it has given up, or everything.
    pub(in crate::consumer) fn restart(
        &mut self,
        everything: bool,
        now: Instant,
    ) -> Vec<(TopicPartition, i64)> {
        let mut starts = Vec::new();
        for source in &mut self.sources {
            let chosen = match source.flow {
                Flow::Restarting => true,
                Flow::Running | Flow::Seeking => everything,
                Flow::Waiting | Flow::Stopped => false,
            };
            if chosen {
                source.go_to(source.next, now);
                source.again = true;
                source.flow = Flow::Running;
                starts.push((source.place.clone(), source.next));
            }
        }
        starts
    }

    /// Forwards what was begun again, which its late end undoes.
    pub(in crate::consumer) fn restarted(
        &mut self,
        starts: &[(TopicPartition, i64)],
        now: Instant,
    ) {
        self.forward_soon(starts, now);
    }

    /// Sets librdkafka back to where an error was, behind which it would go on. `false` if it is not read.
    pub(in crate::consumer) fn step_back(&mut self, refusal: &Refusal) -> bool {
        let Some(source) = self.source(&refusal.place).filter(|it| it.flow == Flow::Running) else {
            return false;
        };
        if refusal.offset >= source.next {
            source.doubtful = refusal.offset + 1;
            let mut list = TopicPartitionList::with_capacity(1);
            add(&mut list, &refusal.place, refusal.offset);
            if let Err(code) = self.client.seek(&mut list, Duration::ZERO) {
                tracing::warn!(partition = %refusal.place, %code, "could not step back to where an error was");
            }
        }
        true
    }
}

/// The partitions at these offsets, for librdkafka.
pub(in crate::consumer) fn list_at(starts: &[(TopicPartition, i64)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(starts.len());
    for (place, offset) in starts {
        add(&mut list, place, *offset);
    }
    list
}

/// There is no offset below 0.
fn add(list: &mut TopicPartitionList, place: &TopicPartition, offset: i64) {
    let mut at = list.add_partition(&place.topic, place.partition);
    let set = at.set_offset(Offset::Offset(offset.max(0)));
    debug_assert!(set.is_ok(), "{place} at {offset}");
}
