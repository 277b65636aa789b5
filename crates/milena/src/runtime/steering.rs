use super::{conductor::Conductor, partition::Partition, pressure::Why};
use crate::control::{Ask, Concern, Health, PartitionStatus, Reply, Scope, not_assigned};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
};
use std::{collections::HashSet, sync::Arc};

/// As many offsets are told of one partition at most.
const UNSETTLED: usize = 1_000;

/// What users asked for that lasts.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) flow_stopped: bool,
    pub(super) paused: HashSet<Arc<str>>,
    /// Who waits until nothing is in work.
    pub(super) empty: Vec<Reply<()>>,
}

/// What the conductor does because somebody asked. Who asked may be gone when the answer comes.
impl Conductor {
    pub(super) fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Status(reply) => drop(reply.send(self.status())),
            Ask::Health(reply) => drop(reply.send(self.health())),
            Ask::Lookup(reply) => drop(reply.send(self.consumer.lookup())),
            Ask::Pause(what, pause, reply) => drop(reply.send(self.pause(&what, pause))),
            Ask::Flow(flows, reply) => {
                self.wanted.flow_stopped = !flows;
                self.apply_pauses();
                let _ = reply.send(());
            }
            Ask::Seek(place, to, reply) => self.seek(place, to, reply),
            Ask::Commit(topics, reply) => self.commit_asked(topics, reply),
            Ask::WaitEmpty(reply) => self.wanted.empty.push(reply),
            Ask::Outer(reply) => drop(reply.send(self.outer.clone())),
            Ask::Add(offered, reply) => {
                offered.into_iter().for_each(|it| self.subscriptions.add(it));
                let _ = reply.send(self.reselect());
            }
            Ask::Remove(topics, reply) => drop(reply.send(self.remove(&topics))),
            Ask::Stop(reply) => {
                self.end(Ok(()));
                let _ = reply.send(());
            }
        }
    }

    /// Answers who waits until nothing is in work, if that is so.
    pub(super) fn answer_empty(&mut self) {
        if !self.wanted.empty.is_empty() && self.partitions.values_mut().all(Partition::is_empty) {
            for reply in self.wanted.empty.drain(..) {
                let _ = reply.send(());
            }
        }
    }

    /// Holds a partition back or lets it go, as users want it.
    pub(super) fn apply_pause(&mut self, place: &TopicPartition) {
        let Some(partition) = self.partitions.get(place) else { return };
        let wanted = self.wanted.flow_stopped
            || self.wanted.paused.contains(&place.topic)
            || partition.is_paused;
        if wanted {
            partition.assignment.pause();
            self.hold_back(place, Why::Paused);
        } else {
            partition.assignment.resume();
            self.let_go(place, Why::Paused);
        }
    }

    /// Has calls with records of this partition begin no more, or again.
    pub(super) fn pause_partition(&mut self, place: &TopicPartition, pause: bool) -> bool {
        let Some(partition) = self.partitions.get_mut(place) else { return false };
        partition.is_paused = pause;
        self.apply_pause(place);
        true
    }

    fn pause(&mut self, what: &Scope, pause: bool) -> Result<(), Error> {
        let verb = if pause { "pause" } else { "resume" };
        match what {
            Scope::Topic(topic) if !self.subscriptions.take(topic) => {
                let group = &self.group;
                let message = format!(
                    "could not {verb} topic `{topic}`: group `{group}` does not subscribe to it"
                );
                return Err(Error::new(ErrorKind::NotAssigned, message));
            }
            Scope::Topic(topic) if pause => drop(self.wanted.paused.insert(topic.clone())),
            Scope::Topic(topic) => {
                self.wanted.paused.remove(topic);
                let of_topic = self.partitions.iter_mut().filter(|(at, _)| at.topic == *topic);
                of_topic.for_each(|(_, partition)| partition.is_paused = false);
            }
            Scope::Partition(at) if !self.pause_partition(at, pause) => {
                return Err(not_assigned(verb, at));
            }
            Scope::Partition(_) => {}
        }
        self.apply_pauses();
        Ok(())
    }

    fn apply_pauses(&mut self) {
        let places: Vec<_> = self.partitions.keys().cloned().collect();
        places.iter().for_each(|place| self.apply_pause(place));
    }

    fn remove(&mut self, topics: &[Arc<str>]) -> Result<(), Error> {
        if !self.subscriptions.remove(topics) {
            let group = &self.group;
            let message = format!(
                "could not remove topics {topics:?}: group `{group}` does not subscribe to them"
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        self.reselect()
    }

    /// Reads what the subscriptions want by now.
    fn reselect(&mut self) -> Result<(), Error> {
        for (place, partition) in &mut self.partitions {
            partition.takers = self.subscriptions.takers(place);
        }
        self.consumer.select(self.subscriptions.selection());
        Ok(())
    }

    fn status(&mut self) -> Vec<PartitionStatus> {
        let mut all: Vec<_> =
            self.partitions.iter_mut().map(|(place, it)| it.status(place)).collect();
        all.sort_by(|a, b| {
            let order = |it: &PartitionStatus| (it.partition.topic.clone(), it.partition.partition);
            order(a).cmp(&order(b))
        });
        all
    }

    fn health(&mut self) -> Health {
        let mut concerns = self.concerns();
        for (place, partition) in &mut self.partitions {
            if let Some(offset) = partition.holding() {
                let text =
                    format!("record {place}/{offset} is not done and holds its partition back");
                concerns.push(Concern::new(Some(place.clone()), text));
            }
        }
        concerns.extend(self.subscriptions.iter().filter_map(|(_, it)| it.breaker.concern()));
        Health { concerns, has_assignment: self.has_assignment }
    }
}

impl Partition {
    fn status(&mut self, place: &TopicPartition) -> PartitionStatus {
        let done = self.offsets.committable();
        let (unsettled, in_work) = self.offsets.unsettled(UNSETTLED);
        PartitionStatus {
            partition: place.clone(),
            position: self.offsets.position(),
            done,
            committed: self.offsets.last_committed(),
            end: self.end_offset,
            unsettled,
            in_work,
            is_paused: self.held_back.by(Why::Paused),
            is_held_back: self.held_back.by(Why::Full) || self.held_back.by(Why::Behind),
        }
    }
}
