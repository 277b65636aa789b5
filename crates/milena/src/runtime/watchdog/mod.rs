//! Says of partitions that make no progress what is wrong with them.

mod watch;

pub(super) use watch::{Row, Standing, Watch};

use super::{Note, conductor::Conductor, partition::Partition, pressure::Why};
use crate::{
    control::{Concern, Incident},
    router::Watchdog,
};
use milena_core::{
    record::{Epoch, TopicPartition},
    transport::Fetch,
};
use tokio::time::Instant;

/// The watchdog of a group.
pub(super) struct Dog {
    limits: Option<Watchdog>,
    next: Instant,
}

impl Dog {
    pub(super) fn new(limits: Option<Watchdog>) -> Self {
        Self { limits, next: Instant::now() }
    }

    /// When it looks again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.limits.map(|_| self.next)
    }
}

impl Conductor {
    /// Looks after all partitions, if it is time to.
    pub(super) fn watch(&mut self) {
        let now = Instant::now();
        let Some(limits) = self.dog.limits.filter(|_| now >= self.dog.next) else { return };
        self.dog.next = now + limits.interval();
        if self.ending.is_some() {
            return;
        }
        let commits = self.commits_at_all;
        for (place, partition) in &mut self.partitions {
            if !partition.assignment.is_live() {
                continue;
            }
            let standing = partition.standing(commits);
            let (row, cleared) = partition.watch.look(now, standing, &limits);
            if let Some(row) = row {
                let text = partition.explain(place, row, &limits);
                self.counters.barks.add(1);
                tracing::error!(group = %self.group, partition = %place, row = row.number, "{text}");
                let (partition, row) = (place.clone(), row.number);
                self.news.tell(Incident::Stuck { partition, row, text });
            } else if cleared {
                tracing::info!(group = %self.group, partition = %place, "the partition makes progress again");
            }
        }
    }

    /// Asks what the group has committed, without which nothing can be said of what is not delivered.
    pub(super) fn ask_where_it_began(&mut self, assigned: &[(TopicPartition, Epoch)]) {
        if self.dog.limits.is_none() || !self.commits_at_all || assigned.is_empty() {
            return;
        }
        let (lookup, note) = (self.consumer.lookup(), self.note.clone());
        let assigned = assigned.to_vec();
        self.tasks.spawn(async move {
            let places = assigned.iter().map(|(at, _)| at.clone()).collect();
            if let Ok(committed) = lookup.committed(places).await {
                let began = assigned.into_iter().zip(committed);
                let began = began.map(|((at, epoch), offset)| (at, epoch, offset)).collect();
                // Nobody listens any more only when the group has ended.
                let _ = note.send(Note::Began(began));
            }
        });
    }

    pub(super) fn began(&mut self, committed: Vec<(TopicPartition, Epoch, Option<i64>)>) {
        for (place, epoch, offset) in committed {
            self.partition(&place, epoch).into_iter().for_each(|it| it.began = offset);
        }
    }

    /// How the fetching goes.
    pub(super) fn fetched(&mut self, fetches: Vec<Fetch>) {
        let now = Instant::now();
        for fetch in fetches {
            if let Some(partition) = self.partition(&fetch.partition, fetch.epoch) {
                partition.end_offset = fetch.end.or(partition.end_offset);
                partition.watch.fetched(&fetch, now);
            }
        }
    }

    /// What the watchdog worries about.
    pub(super) fn concerns(&mut self) -> Vec<Concern> {
        let Some(limits) = self.dog.limits else { return Vec::new() };
        let concern = |(place, partition): (&TopicPartition, &mut Partition)| {
            let row = partition.watch.told()?;
            Some(Concern::new(Some(place.clone()), partition.explain(place, row, &limits)))
        };
        self.partitions.iter_mut().filter_map(concern).collect()
    }
}

impl Partition {
    fn standing(&mut self, commits: bool) -> Standing {
        Standing {
            end: self.end_offset.max(self.offsets.position()),
            committed: self.offsets.last_committed().max(self.began),
            is_paused: self.held_back.by(Why::Paused),
            commits,
        }
    }

    /// What is wrong, what limit tells so, and what it may come from.
    fn explain(&mut self, place: &TopicPartition, row: Row, limits: &Watchdog) -> String {
        let work = match self.offsets.unsettled(1).0.first() {
            Some(offset) => format!("record {place}/{offset} is in work and not done"),
            None => "no record is in work".to_owned(),
        };
        if row.number <= 5 {
            fetching(place, row, limits, &work)
        } else {
            backlog(place, row, limits, &work)
        }
    }
}

fn fetching(place: &TopicPartition, row: Row, limits: &Watchdog, work: &str) -> String {
    let held = row.held.as_secs();
    let what = match row.number {
        0 => format!(
            "calls with records of `{place}` have been paused for {held} s: was `Control::resume` or `resume_flow` \
             forgotten?"
        ),
        1 => format!(
            "the broker was not asked for records of `{place}` in the {held} s since it was assigned: is its leader \
             known and reachable?"
        ),
        2 => format!(
            "the broker has answered no request for records of `{place}` in the {held} s since it was assigned: is \
             it alive, is something between?"
        ),
        3 => format!(
            "the broker has not been asked for records of `{place}` for {held} s, and {work}: is the partition held \
             back, or its leader away?"
        ),
        4 => format!(
            "the broker has not answered requests for records of `{place}` for {held} s: is it alive, is something \
             between?"
        ),
        _ => format!(
            "the end of `{place}` is not known {held} s after it was assigned: does its leader answer?"
        ),
    };
    let (name, limit) =
        if row.number == 5 { ("processing", limits.processing) } else { ("fetch", limits.fetch) };
    format!("{what} (watchdog: {name} = {limit:?})")
}

fn backlog(place: &TopicPartition, row: Row, limits: &Watchdog, work: &str) -> String {
    let held = row.held.as_secs();
    let what = match row.number {
        6 => format!(
            "there are records in `{place}`, and none was delivered in {held} s: is a transaction open in it, or the \
             partition held back?"
        ),
        7 => format!(
            "there are records in `{place}`, and none was delivered for {held} s, and {work}: does its call hang, or \
             is it slow?"
        ),
        8 => format!(
            "nothing of `{place}` was committed in the {held} s since it was assigned, and {work}: is it slow, or does \
             the broker refuse commits?"
        ),
        _ => format!(
            "what is committed of `{place}` has not grown for {held} s, and {work}: is it slow, or does the broker \
             refuse commits?"
        ),
    };
    let (name, limit) =
        if row.number <= 7 { ("processing", limits.processing) } else { ("commit", limits.commit) };
    format!("{what} (watchdog: {name} = {limit:?})")
}
