use super::{bell::Bell, commit, step::Ticket};
use crate::promise::Promise;
use milena_core::{
    error::Error,
    record::{Chunk, TopicPartition},
    transport::{Event, GroupMetadata, Selection},
};
use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// As many records, or bytes of them, may wait for the runtime before no more are read.
const ROOM: Load = Load { records: 1_000, bytes: 8 << 20 };
/// Below this more are read again.
const ROOM_AGAIN: Load = Load { records: ROOM.records / 2 + 1, bytes: ROOM.bytes / 2 + 1 };

/// What passes between the runtime and the thread of a consumer: events one way, commands the other.
#[derive(Default)]
pub(super) struct Mailbox {
    post: Mutex<Post>,
    pub(super) bell: Bell,
}

#[derive(Default)]
struct Post {
    events: VecDeque<(Ticket, Event)>,
    /// The records among the events.
    load: Load,
    commands: Vec<Command>,
    /// Commits that are not answered.
    commits: usize,
    /// Until when the group is to be left.
    deadline: Option<Instant>,
    waker: Option<Waker>,
    /// Whether the thread waits for room.
    full: bool,
    /// Whether the thread has ended.
    ended: bool,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Load {
    records: usize,
    bytes: usize,
}

/// What the runtime wants, with the ticket of the last news it had seen.
pub(super) enum Command {
    Assign(Ticket, Vec<(TopicPartition, Option<i64>)>),
    Release(Ticket, Vec<TopicPartition>),
    Commit(Ticket, Vec<(TopicPartition, i64)>),
    Generation(Ticket, Vec<TopicPartition>, Promise<Result<GroupMetadata, Error>>),
    Seek(Vec<(TopicPartition, i64)>),
    Select(Selection),
    Park(TopicPartition, bool),
}

/// The end of the runtime.
impl Mailbox {
    /// The next event, and the ticket it came with.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<(Ticket, Event)> {
        let mut post = self.lock();
        let Some((ticket, event)) = post.events.pop_front() else {
            let _old = post.waker.replace(cx.waker().clone());
            drop(post);
            return Poll::Pending;
        };
        if let Event::Records(chunk) = &event {
            post.load.take(Load::of(chunk));
            if post.full && !post.load.reaches(ROOM_AGAIN) {
                post.full = false;
                drop(post);
                self.bell.ring();
            }
        }
        Poll::Ready((ticket, event))
    }

    pub(super) fn send(&self, command: Command) {
        let mut post = self.lock();
        let commits = matches!(command, Command::Commit(..));
        if !post.ended {
            post.commits += usize::from(commits);
            post.commands.push(command);
            drop(post);
            self.bell.ring();
        } else if commits && post.deadline.is_none() {
            post.events.push_back((0, Event::Committed(Err(commit::too_late()))));
            wake(post);
        }
    }

    /// Whether the thread has ended, or is to.
    pub(super) fn has_ended(&self) -> bool {
        let post = self.lock();
        post.ended || post.deadline.is_some()
    }

    /// Asks the thread to leave the group.
    pub(super) fn close(&self, within: Duration) {
        let mut post = self.lock();
        post.deadline = Some(Instant::now() + within);
        if post.ended {
            post.events.push_back((0, Event::Closed));
            wake(post);
        } else {
            drop(post);
            self.bell.ring();
        }
    }
}

/// The end of the thread.
impl Mailbox {
    pub(super) fn commands(&self) -> Vec<Command> {
        std::mem::take(&mut self.lock().commands)
    }

    /// Until when the group is to be left, if it is.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lock().deadline
    }

    /// Whether the runtime has to take something before more records are read.
    pub(super) fn is_full(&self) -> bool {
        let mut post = self.lock();
        post.full = post.load.reaches(ROOM);
        post.full
    }

    /// Tells the runtime something that it is not asked about.
    pub(super) fn tell(&self, event: Event) {
        self.tell_with(0, event);
    }

    /// Tells the runtime something, with a ticket for its answer.
    pub(super) fn tell_with(&self, ticket: Ticket, event: Event) {
        let mut post = self.lock();
        // Behind the end everything has been answered.
        if post.ended {
            return;
        }
        post.commits -= usize::from(matches!(event, Event::Committed(_)));
        // They tell of a state, and only the latest counts.
        if matches!(event, Event::Fetches(_)) {
            post.events.retain(|(_, event)| !matches!(event, Event::Fetches(_)));
        }
        post.events.push_back((ticket, event));
        wake(post);
    }

    pub(super) fn deliver(&self, chunks: Vec<Chunk>) {
        let mut post = self.lock();
        if post.ended {
            return;
        }
        for chunk in chunks {
            post.load.add(Load::of(&chunk));
            post.events.push_back((0, Event::Records(chunk)));
        }
        wake(post);
    }

    /// Takes back records of partitions that have ended, or gone elsewhere.
    pub(super) fn withdraw(&self, ended: &[TopicPartition]) {
        let ended: HashSet<_> = ended.iter().collect();
        let of_ended =
            |event: &Event| matches!(event, Event::Records(chunk) if ended.contains(chunk.place()));
        let mut post = self.lock();
        let events = std::mem::take(&mut post.events);
        let (withdrawn, kept): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|(_, event)| of_ended(event));
        post.events = kept.into();
        for (_, event) in &withdrawn {
            if let Event::Records(chunk) = event {
                post.load.take(Load::of(chunk));
            }
        }
        drop(post);
    }

    /// The thread ends. Whoever waits for an answer gets it.
    pub(super) fn end(&self, failed: Option<Error>) {
        let mut post = self.lock();
        if std::mem::replace(&mut post.ended, true) {
            return;
        }
        let _unheard = std::mem::take(&mut post.commands);
        for _ in 0..std::mem::take(&mut post.commits) {
            post.events.push_back((0, Event::Committed(Err(commit::too_late()))));
        }
        post.events.extend(failed.map(|error| (0, Event::Failed(error))));
        if post.deadline.is_some() {
            post.events.push_back((0, Event::Closed));
        }
        wake(post);
    }

    fn lock(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes who waits for an event, after the lock was given back.
fn wake(mut post: MutexGuard<'_, Post>) {
    let waker = post.waker.take();
    drop(post);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Load {
    fn of(chunk: &Chunk) -> Self {
        Self { records: chunk.len(), bytes: chunk.records().bytes() }
    }

    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
    }

    fn take(&mut self, other: Self) {
        self.records -= other.records;
        self.bytes -= other.bytes;
    }

    fn reaches(self, mark: Self) -> bool {
        self.records >= mark.records || self.bytes >= mark.bytes
    }
}
