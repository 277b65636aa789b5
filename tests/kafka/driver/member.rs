//! A member of a group that answers as the runtime would.

use crate::kit::STUCK;

use milena_core::{
    TopicPartition,
    error::{Error, ErrorKind},
    record::{Chunk, Epoch},
    transport::{Consumer, Event, Fetch, Membership, Transport as _},
};
use milena_rdkafka::Kafka;
use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::Arc,
    time::{Duration, Instant},
};

/// A member of a group, which answers as the runtime would.
pub(crate) struct Member {
    pub(crate) consumer: Box<dyn Consumer>,
    /// What is assigned and was answered, with the offset behind what was read of it.
    pub(crate) owned: BTreeMap<Place, (Epoch, Option<i64>)>,
    /// Every record that came under an assignment that was live: its partition and its offset.
    pub(crate) read: Vec<(i32, i64)>,
    /// Records of assignments that were not.
    pub(crate) stale: usize,
    pub(crate) troubles: Vec<Error>,
    pub(crate) lost: Vec<TopicPartition>,
    pub(crate) revokes: usize,
    /// Where partitions went on: the partition, and the offset.
    pub(crate) moves: Vec<(i32, i64)>,
    /// The partition, the offset that was not there, and the other one.
    pub(crate) resets: Vec<(i32, i64, i64)>,
    pub(crate) failure: Option<Error>,
    /// What was told of the fetching last.
    pub(crate) fetches: Vec<Fetch>,
    /// What is to be given back when it is committed.
    leaving: Vec<TopicPartition>,
    committing: Option<Vec<TopicPartition>>,
}

pub(crate) type Place = (Arc<str>, i32);

impl Member {
    pub(crate) async fn join(kafka: &Kafka, group: &str, topics: &[&Arc<str>]) -> Self {
        let membership = Membership::new(group, topics.iter().map(|topic| (*topic).clone()));
        Self::with(kafka, membership).await
    }

    pub(crate) async fn with(kafka: &Kafka, membership: Membership) -> Self {
        Self {
            consumer: kafka.consumer(membership).await.unwrap(),
            owned: BTreeMap::new(),
            read: Vec::new(),
            stale: 0,
            troubles: Vec::new(),
            lost: Vec::new(),
            revokes: 0,
            moves: Vec::new(),
            resets: Vec::new(),
            failure: None,
            fetches: Vec::new(),
            leaving: Vec::new(),
            committing: None,
        }
    }

    /// The next event, within a time in which nothing should be stuck.
    pub(crate) async fn event(&mut self) -> Event {
        self.event_within(STUCK).await.expect("an event, and nothing stuck")
    }

    pub(crate) async fn event_within(&mut self, time: Duration) -> Option<Event> {
        tokio::time::timeout(time, poll_fn(|cx| self.consumer.poll_event(cx))).await.ok()
    }

    /// Takes events and answers them until `done`.
    pub(crate) async fn until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < STUCK, "stuck with {:?}, {:?}", self.owned, self.troubles);
            let event = self.event().await;
            self.answer(event);
        }
    }

    /// Takes events and answers them for so long.
    pub(crate) async fn run_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if let Some(event) = self.event_within(left).await {
                self.answer(event);
            }
        }
    }

    pub(crate) fn answer(&mut self, event: Event) {
        match event {
            Event::Records(chunk) => self.records(&chunk),
            Event::Position(at, epoch, offset) => match self.owned.get_mut(&key(&at)) {
                Some((live, next)) if *live == epoch => *next = Some(offset),
                _ => self.stale += 1,
            },
            Event::Moved(at, epoch, offset) => {
                self.moves.push((at.partition, offset));
                let owned = self.owned.get_mut(&key(&at)).expect("what moves is owned");
                assert!(epoch > owned.0, "{epoch:?} behind {:?}", owned.0);
                *owned = (epoch, Some(offset));
            }
            Event::Reset { partition, from, to } => {
                self.resets.push((partition.partition, from, to));
            }
            Event::Fetches(fetches) => self.fetches = fetches,
            Event::Failed(error) => self.failure = Some(error),
            Event::Assigned(partitions) => self.assign(partitions),
            Event::Revoked(partitions, _) => {
                self.revokes += 1;
                self.leaving.extend(partitions);
                self.commit_leaving();
            }
            Event::Lost(partitions) => {
                self.leaving.retain(|at| !partitions.contains(at));
                partitions.iter().for_each(|at| {
                    self.owned.remove(&key(at));
                });
                self.lost.extend(partitions);
            }
            Event::Committed(result) => self.committed(result),
            Event::Trouble(error) => self.troubles.push(error),
            event => panic!("unexpected: {event:?}"),
        }
    }

    pub(crate) fn assign(&mut self, partitions: Vec<(TopicPartition, Epoch)>) {
        for (at, epoch) in &partitions {
            assert!(self.owned.insert(key(at), (*epoch, None)).is_none(), "{at} was owned");
        }
        self.consumer.assign(partitions.into_iter().map(|(at, _)| (at, None)).collect());
    }

    /// Commits all that was read.
    pub(crate) fn commit(&mut self) {
        let owned: Vec<_> = self
            .owned
            .keys()
            .map(|(topic, partition)| TopicPartition::new(topic.clone(), *partition))
            .collect();
        self.commit_of(&owned);
    }

    pub(crate) fn is_committing(&self) -> bool {
        self.committing.is_some()
    }

    /// Leaves the group, and says how long that took.
    pub(crate) async fn close(mut self, within: Duration) -> Duration {
        let start = Instant::now();
        self.consumer.close(within);
        while !matches!(self.event().await, Event::Closed) {}
        start.elapsed()
    }

    /// What was read, in order of partition and offset.
    pub(crate) fn sorted(&self) -> Vec<(i32, i64)> {
        let mut read = self.read.clone();
        read.sort_unstable();
        read
    }

    fn records(&mut self, chunk: &Chunk) {
        match self.owned.get_mut(&key(chunk.place())) {
            Some((epoch, next)) if *epoch == chunk.epoch() => {
                for index in 0..chunk.len() {
                    let offset = chunk.records().offset(index);
                    assert!(
                        next.is_none_or(|next| offset >= next),
                        "out of order: {offset} behind {next:?}"
                    );
                    *next = Some(offset + 1);
                    self.read.push((chunk.partition(), offset));
                }
            }
            _ => self.stale += chunk.len(),
        }
    }

    fn committed(&mut self, result: Result<(), Error>) {
        let committed = self.committing.take().expect("there was a commit");
        match result {
            Err(error) if error.kind() == ErrorKind::Fenced => return,
            Err(error) if error.kind() == ErrorKind::Rebalancing => {}
            // Without a group there is nothing to commit for.
            Err(error) if error.kind() == ErrorKind::Config => {
                let leaving = std::mem::take(&mut self.leaving);
                self.release(leaving);
            }
            result => {
                result.unwrap();
                let (done, leaving) = std::mem::take(&mut self.leaving)
                    .into_iter()
                    .partition(|at| committed.contains(at));
                self.leaving = leaving;
                self.release(done);
            }
        }
        self.commit_leaving();
    }

    fn commit_leaving(&mut self) {
        if self.committing.is_none() && !self.leaving.is_empty() {
            let leaving = self.leaving.clone();
            self.commit_of(&leaving);
        }
    }

    fn commit_of(&mut self, partitions: &[TopicPartition]) {
        let next = |at: &TopicPartition| Some((at.clone(), self.owned.get(&key(at))?.1?));
        let offsets = partitions.iter().filter_map(next).collect();
        self.consumer.commit(offsets);
        self.committing = Some(partitions.to_vec());
    }

    fn release(&mut self, partitions: Vec<TopicPartition>) {
        partitions.iter().for_each(|at| {
            self.owned.remove(&key(at));
        });
        self.consumer.release(partitions);
    }
}

pub(crate) fn key(at: &TopicPartition) -> Place {
    (at.topic.clone(), at.partition)
}

/// All that `numbers` are in so many partitions.
pub(crate) fn all(partitions: i32, numbers: std::ops::Range<i64>) -> Vec<(i32, i64)> {
    (0..partitions)
        .flat_map(|partition| numbers.clone().map(move |number| (partition, number)))
        .collect()
}
