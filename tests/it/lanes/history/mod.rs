//! What calls and commits did, in the order in which it happened, and what is wrong with it.

mod audit;
mod checks;

pub(super) use audit::{Lane, Rules, lost};

use milena::Record;
use std::{
    fmt,
    sync::{Arc, Mutex},
};

/// Takes down what happens; members of a group write into one.
#[derive(Clone, Default)]
pub(super) struct History {
    member: u32,
    events: Arc<Mutex<Vec<Event>>>,
}

/// Something that happened to a record, or to the offset of a partition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) member: u32,
    pub(super) what: What,
    pub(super) at: At,
    pub(super) key: Option<Vec<u8>>,
    /// The call that it belongs to.
    pub(super) call: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum What {
    Begun,
    Done,
    Failed,
    /// The call was dropped before its end.
    Cut,
    /// It was asked for that everything before the offset be committed.
    Offered,
    /// It was.
    Committed,
    /// The partition became the member's.
    Assigned,
    /// The member is no more, and neither is what it did.
    Crashed,
}

/// A topic, a partition and an offset.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct At(pub(super) Arc<str>, pub(super) i32, pub(super) i64);

/// A call that runs.
pub(super) struct Call(History, Vec<Event>);

impl History {
    /// The same, as another member writes it.
    pub(super) fn member(&self, member: u32) -> Self {
        Self { member, ..self.clone() }
    }

    pub(super) fn begin(&self, record: &Record) -> Call {
        self.begin_batch([record])
    }

    pub(super) fn begin_batch<'a>(&self, records: impl IntoIterator<Item = &'a Record>) -> Call {
        let mut events = self.events.lock().unwrap();
        let call = events.len();
        let event = |record: &Record| Event {
            member: self.member,
            what: What::Begun,
            at: At(record.topic().into(), record.partition(), record.offset()),
            key: record.key().map(<[u8]>::to_vec),
            call,
        };
        let begun: Vec<_> = records.into_iter().map(event).collect();
        events.extend(begun.iter().cloned());
        Call(self.clone(), begun)
    }

    pub(super) fn note(&self, what: What, at: At) {
        let event = Event { member: self.member, what, at, key: None, call: 0 };
        self.events.lock().unwrap().push(event);
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// The offsets of which this happened, in order, over all partitions.
    pub(super) fn offsets(&self, what: What) -> Vec<i64> {
        self.events().iter().filter(|event| event.what == what).map(|event| event.at.2).collect()
    }

    /// How many calls run.
    pub(super) fn running(&self) -> usize {
        let count = |what| self.events().iter().filter(|event| event.what == what).count();
        count(What::Begun) - count(What::Done) - count(What::Failed) - count(What::Cut)
    }
}

impl Call {
    pub(super) fn done(self) {
        self.end(What::Done);
    }

    pub(super) fn failed(self) {
        self.end(What::Failed);
    }

    fn end(mut self, what: What) {
        self.note(what);
    }

    fn note(&mut self, what: What) {
        let ended = self.1.drain(..).map(|event| Event { what, ..event });
        self.0.events.lock().unwrap().extend(ended);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.note(What::Cut);
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.0, self.1, self.2)
    }
}
