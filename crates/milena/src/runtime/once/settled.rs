use super::{
    Attempted, Opened, again,
    attempt::{Attempt, Failed, Part},
};
use crate::runtime::{Note, commit::Sent, conductor::Conductor};
use milena_core::{error::Error, record::TopicPartition};
use std::{collections::BTreeMap, mem};
use tokio::time::Instant;

impl Conductor {
    /// Begins the transactions that publish what is planned, and commit these offsets.
    pub(crate) fn transact(&mut self, offsets: &Sent) {
        let Some(once) = &mut self.once else { return };
        let mut parts: BTreeMap<Option<i32>, Vec<Part>> = BTreeMap::new();
        for (place, epoch, to) in offsets {
            let Some(partition) = self.partitions.get_mut(place) else { continue };
            let results = mem::take(&mut partition.plan.results);
            partition.plan.to = None;
            let part = Part { place: place.clone(), epoch: *epoch, to: *to, results };
            parts.entry(once.key(place.partition)).or_default().push(part);
        }
        for (key, parts) in parts {
            // They were planned because it is ready.
            let Some(open) = once.take(key) else { continue };
            let places: Vec<TopicPartition> = parts.iter().map(|part| part.place.clone()).collect();
            let attempt = Attempt {
                opener: once.opener(key, open.number),
                lookup: once.lookup.clone(),
                parts,
            };
            let metadata = self.consumer.group_metadata(places);
            let note = once.note.clone();
            once.out += 1;
            once.tasks.spawn(async move {
                let attempted = attempt.run(key, open, metadata).await;
                // Nobody listens any more only when the group has ended.
                let _ = note.send(Note::Attempted(Box::new(attempted)));
            });
        }
    }

    /// A session is open, or cannot be.
    pub(crate) fn opened(&mut self, opened: Opened) {
        if let Some(Err(error)) = self.once.as_mut().map(|once| once.opened(opened)) {
            self.end(Err(error));
        }
    }

    /// A transaction has ended.
    pub(crate) fn attempted(&mut self, attempted: Attempted) {
        let Attempted { key, number, open, parts, result, is_new } = attempted;
        let Some(once) = &mut self.once else { return };
        once.out -= 1;
        self.counters.sessions.add(usize::from(is_new));
        once.back(key, number, open);
        let error = match result {
            Ok(()) => {
                once.succeeded();
                self.counters.transactions.add(1);
                self.published(parts);
                None
            }
            Err(failed) => {
                once.failed();
                self.counters.aborted_transactions.add(1);
                Some(self.not_published(key, parts, failed))
            }
        };
        self.commits.transacted(error);
        if self.once.as_ref().is_some_and(|once| once.out == 0) {
            let result = self.commits.outcome();
            self.commit_ended(result);
        }
    }

    fn published(&mut self, parts: Vec<Part>) {
        let now = Instant::now();
        for Part { place, epoch, to, .. } in parts {
            if let Some(partition) = self.partition(&place, epoch) {
                partition.offsets.committed(to);
                partition.watch.committed(now);
            }
        }
    }

    /// Nothing was published; what is still ours is, in another transaction.
    fn not_published(&mut self, key: Option<i32>, mut parts: Vec<Part>, failed: Failed) -> Error {
        let error = match failed {
            Failed::Aborted(error) => again(&error),
            Failed::Refused(refused) => {
                let error = again(&refused[0].1);
                self.decide_anew(&mut parts, refused);
                error
            }
            Failed::Fenced(error) if key.is_some() => {
                self.begin_anew(key, mem::take(&mut parts));
                again(&error)
            }
            Failed::Fenced(error) | Failed::Over(error) => {
                self.end(Err(Error::new(error.kind(), error.to_string())));
                error
            }
        };
        for Part { place, epoch, to, results } in parts {
            if let Some(partition) = self.partition(&place, epoch) {
                partition.plan.put_back(to, results);
            }
        }
        self.read_torn_again();
        error
    }
}
