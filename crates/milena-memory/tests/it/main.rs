//! The embedded broker, seen from outside.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests tell by panicking"
)]

mod answers;
mod churn;
mod eager;
mod faults;
mod groups;
mod inspect;
mod lookups;
mod reading;
mod resets;
mod seeking;
mod selections;
mod starts;
mod statics;
mod steps;
mod threads;
mod time;
mod topics;
mod transactions;
mod wakes;

use milena_core::{
    ProducerRecord, TopicPartition,
    error::{Error, ErrorKind},
    record::Epoch,
    transport::{
        Consumer, ConsumerConfig, Delivered, Event, Membership, Producer, Receipt, Receive,
        StartAt, Transport,
    },
};
use milena_memory::Memory;
use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// What a future gives that is ready at once, as all of the embedded broker's are.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future is not ready"),
    }
}

fn producer(memory: &Memory) -> Arc<dyn Producer> {
    now(memory.producer()).unwrap()
}

/// A member with what it was told to hold.
struct Member(Box<dyn Consumer>);

impl Member {
    fn join(memory: &Memory, group: &str, topics: &[&str]) -> Self {
        Self::join_at(memory, group, topics, StartAt::Earliest)
    }

    fn join_at(memory: &Memory, group: &str, topics: &[&str], start: StartAt) -> Self {
        Self::with(memory, Membership { start, ..membership(group, topics) })
    }

    fn with(memory: &Memory, membership: Membership) -> Self {
        Self(now(memory.consumer(membership)).unwrap())
    }

    /// The next event, if there is one now.
    fn next(&mut self) -> Option<Event> {
        match self.0.poll_event(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(event) => Some(event),
            Poll::Pending => None,
        }
    }

    #[track_caller]
    fn assigned(&mut self) -> Vec<(i32, Epoch)> {
        match self.next() {
            Some(Event::Assigned(list)) => {
                list.into_iter().map(|(at, e)| (at.partition, e)).collect()
            }
            other => panic!("not assigned, but {other:?}"),
        }
    }

    /// Takes the assignment and begins to read all of it.
    #[track_caller]
    fn begin(&mut self, topic: &str) -> Vec<(i32, Epoch)> {
        let assigned = self.assigned();
        self.0.assign(assigned.iter().map(|(n, _)| (at(topic, *n), None)).collect());
        assigned
    }

    #[track_caller]
    fn revoked(&mut self) -> Vec<i32> {
        match self.next() {
            Some(Event::Revoked(list, _)) => list.into_iter().map(|at| at.partition).collect(),
            other => panic!("not revoked, but {other:?}"),
        }
    }

    #[track_caller]
    fn lost(&mut self) -> Vec<i32> {
        match self.next() {
            Some(Event::Lost(list)) => list.into_iter().map(|at| at.partition).collect(),
            other => panic!("not lost, but {other:?}"),
        }
    }

    #[track_caller]
    fn committed(&mut self) -> Result<(), Error> {
        match self.next() {
            Some(Event::Committed(result)) => result,
            other => panic!("not committed, but {other:?}"),
        }
    }

    /// Commits one offset and takes the answer.
    #[track_caller]
    fn commit(&mut self, topic: &str, partition: i32, offset: i64) -> Result<(), ErrorKind> {
        self.0.commit(vec![(at(topic, partition), offset)]);
        self.committed().map_err(|error| error.kind())
    }

    /// The partition, the epoch and the offsets of the next chunk.
    #[track_caller]
    fn records(&mut self) -> (i32, Epoch, Vec<i64>) {
        match self.next() {
            Some(Event::Records(chunk)) => {
                let offsets = (0..chunk.len()).map(|i| chunk.records().offset(i)).collect();
                (chunk.partition(), chunk.epoch(), offsets)
            }
            other => panic!("no records, but {other:?}"),
        }
    }

    /// The partition, the epoch and the offset of the next move.
    #[track_caller]
    fn moved(&mut self) -> (i32, Epoch, i64) {
        match self.next() {
            Some(Event::Moved(at, epoch, offset)) => (at.partition, epoch, offset),
            other => panic!("not moved, but {other:?}"),
        }
    }

    #[track_caller]
    fn failed(&mut self) -> Error {
        match self.next() {
            Some(Event::Failed(error)) => error,
            other => panic!("not failed, but {other:?}"),
        }
    }

    #[track_caller]
    fn nothing(&mut self) {
        if let Some(event) = self.next() {
            panic!("there is {event:?}");
        }
    }
}

fn membership(group: &str, topics: &[&str]) -> Membership {
    Membership::new(group, topics.iter().copied())
}

/// A membership with these options.
fn configured(group: &str, topics: &[&str], options: &[(&str, &str)]) -> Membership {
    let set = |config: ConsumerConfig, (option, value): &(&str, &str)| config.set(*option, *value);
    let config = options.iter().fold(ConsumerConfig::new(), set);
    Membership { config, ..membership(group, topics) }
}

/// Writes so many records to partition 0 of a topic.
fn write(memory: &Memory, topic: &str, records: usize) {
    for _ in 0..records {
        memory.produce(to(topic, 0)).unwrap();
    }
}

fn at(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

fn to(topic: &str, partition: i32) -> ProducerRecord {
    ProducerRecord::new(topic).partition(partition)
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Bell {
    fn rung(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Keeps what receipts say.
#[derive(Default)]
struct Inbox(Mutex<Vec<(u64, Result<Delivered, ErrorKind>)>>);

impl Inbox {
    fn take(&self) -> Vec<(u64, Result<Delivered, ErrorKind>)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn receipt(self: &Arc<Self>, token: u64) -> Receipt {
        Receipt::new(self.clone(), token)
    }
}

impl Receive for Inbox {
    fn receive(&self, token: u64, result: Result<Delivered, Error>) {
        self.0.lock().unwrap().push((token, result.map_err(|error| error.kind())));
    }
}
