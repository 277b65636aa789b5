use super::{conductor::Conductor, partition::Partition, pressure::Why};
use crate::control::{Incident, Reply, not_assigned};
use milena_core::{
    error::Error,
    record::{Epoch, TopicPartition},
};
use std::{collections::BTreeMap, mem};
use tokio::time::Instant;

/// Partitions that are to be read somewhere else, as soon as nothing of them runs.
#[derive(Debug, Default)]
pub(super) struct Moves(BTreeMap<TopicPartition, Move>);

#[derive(Debug)]
struct Move {
    to: i64,
    replies: Vec<Reply<Result<(), Error>>>,
    /// When calls that run are waited for no longer.
    deadline: Instant,
    sent: bool,
}

impl Moves {
    /// When to look at them again, if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.values().filter(|it| !it.sent).map(|it| it.deadline).min()
    }

    /// These partitions are ours no more.
    pub(super) fn give_up<'a>(&mut self, places: impl IntoIterator<Item = &'a TopicPartition>) {
        for place in places {
            for reply in self.0.remove(place).into_iter().flat_map(|it| it.replies) {
                // Who asked may have gone.
                let _ = reply.send(Err(not_assigned("seek", place)));
            }
        }
    }
}

impl Conductor {
    /// Reads a partition from this offset on, when what runs has ended.
    pub(super) fn seek(&mut self, place: TopicPartition, to: i64, reply: Reply<Result<(), Error>>) {
        let moving = self.moves.0.contains_key(&place);
        let live = |it: &&mut Partition| moving || it.assignment.is_live();
        let Some(partition) = self.partitions.get_mut(&place).filter(live) else {
            let _ = reply.send(Err(not_assigned("seek", &place)));
            return;
        };
        partition.end();
        let deadline = Instant::now() + self.options.drain_timeout;
        let new = Move { to, replies: Vec::new(), deadline, sent: false };
        let entry = self.moves.0.entry(place).or_insert(new);
        // Of several calls the last one counts.
        (entry.to, entry.sent) = (to, false);
        entry.replies.push(reply);
    }

    /// Begins the moves for which everything is ready.
    pub(super) fn go(&mut self) {
        let (now, mut ready) = (Instant::now(), Vec::new());
        let owed = self.owed();
        for (place, it) in self.moves.0.iter_mut().filter(|(_, it)| !it.sent) {
            let assignment = self.partitions.get(place).map(|it| &it.assignment);
            let is_over = || assignment.is_none_or(|it| it.is_quiet()) && !owed.contains(place);
            if now >= it.deadline || is_over() {
                it.sent = true;
                ready.push((place.clone(), it.to));
            }
        }
        if !ready.is_empty() {
            self.consumer.seek(ready);
        }
    }

    /// Partitions to be moved of which something is done that is to be published before.
    fn owed(&mut self) -> Vec<TopicPartition> {
        let moving: Vec<_> =
            self.moves.0.iter().filter(|(_, it)| !it.sent).map(|(at, _)| at.clone()).collect();
        if moving.is_empty() || self.once.is_none() {
            return Vec::new();
        }
        if self.commits.is_out() {
            return moving;
        }
        let planned = self.planned(|place| moving.contains(place));
        if !planned.is_empty() {
            self.commits.hasten();
        }
        planned.into_iter().map(|(place, ..)| place).collect()
    }

    /// A partition is read from this offset on, under a new epoch.
    pub(super) fn moved(&mut self, place: &TopicPartition, epoch: Epoch, offset: i64) {
        let assignment = self.assignment(place, epoch);
        let gauges = self.meter.gauges(place);
        let Some(partition) = self.partitions.get_mut(place) else { return };
        let new = Partition::new(assignment, mem::take(&mut partition.takers), gauges);
        let mut old = mem::replace(partition, new);
        partition.offsets.moved(offset);
        partition.is_paused = old.is_paused;
        partition.held_back = mem::take(&mut old.held_back);
        self.leave(place, &mut old);
        // Only what a user wants is as it was: nothing waits under the new epoch.
        self.let_go(place, Why::Full);
        self.let_go(place, Why::Behind);
        self.apply_pause(place);
        if self.moves.0.get(place).is_some_and(|it| it.sent && it.to == offset) {
            for reply in self.moves.0.remove(place).into_iter().flat_map(|it| it.replies) {
                let _ = reply.send(Ok(()));
            }
        }
    }

    /// The offset to go on from was not there.
    pub(super) fn reset(&mut self, partition: TopicPartition, from: i64, to: i64) {
        let lost = (to - from).max(0);
        tracing::error!(
            group = %self.group, %partition, from, to, lost,
            "the offset to go on from is not there; reading goes on at another, and what lies between is lost"
        );
        self.counters.resets.add(1);
        self.news.tell(Incident::Reset { partition, from, to });
    }
}
