//! What calls and commits did, in the order in which it happened, and what is wrong with it.

use milena::Record;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum What {
    Begun,
    Done,
    Failed,
    /// The call was dropped before its end.
    Cut,
    /// Everything before the offset was committed.
    Committed,
}

/// A topic, a partition and an offset.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct At(pub(super) Arc<str>, pub(super) i32, pub(super) i64);

/// A call that runs.
pub(super) struct Call(History, Option<Event>);

impl History {
    /// The same, as another member writes it.
    pub(super) fn member(&self, member: u32) -> Self {
        Self { member, ..self.clone() }
    }

    pub(super) fn begin(&self, record: &Record) -> Call {
        let at = At(record.topic().into(), record.partition(), record.offset());
        let key = record.key().map(<[u8]>::to_vec);
        let event = Event { member: self.member, what: What::Begun, at, key };
        self.note(event.clone());
        Call(self.clone(), Some(event))
    }

    pub(super) fn committed(&self, at: At) {
        self.note(Event { member: self.member, what: What::Committed, at, key: None });
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

    fn note(&self, event: Event) {
        self.events.lock().unwrap().push(event);
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
        let event = self.1.take().unwrap();
        self.0.note(Event { what, ..event });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(event) = self.1.take() {
            self.0.note(Event { what: What::Cut, ..event });
        }
    }
}

/// What is to hold of a history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) lane: Lane,
    /// How many calls a member makes at once.
    pub(super) most: usize,
}

/// Which records wait for each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lane {
    Partition,
    Key,
    /// By key, but for those that have none.
    SomeKey,
    Free,
}

impl Rules {
    pub(super) fn new(lane: Lane, most: usize) -> Self {
        Self { lane, most }
    }

    fn lane_of(self, event: &Event) -> Option<(Arc<str>, i32, Option<Vec<u8>>)> {
        let key = match self.lane {
            Lane::Partition => None,
            Lane::Key => Some(event.key.clone()),
            Lane::SomeKey => Some(Some(event.key.clone()?)),
            Lane::Free => return None,
        };
        // Nothing is as a key is: the lane of the whole partition.
        let key = key.map_or(Some(b"the partition".to_vec()), |key| key);
        Some((event.at.0.clone(), event.at.1, key))
    }

    /// What is wrong with the history, if anything is.
    pub(super) fn faults(self, events: &[Event]) -> Vec<String> {
        let mut audit = Audit { rules: self, ..Audit::new() };
        events.iter().for_each(|event| audit.see(event));
        audit.faults
    }

    #[track_caller]
    pub(super) fn check(self, history: &History) {
        let faults = self.faults(&history.events());
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

/// Each of these records whose call never ended well.
pub(super) fn lost(events: &[Event], written: impl IntoIterator<Item = At>) -> Vec<At> {
    let done: BTreeSet<_> =
        events.iter().filter(|event| event.what == What::Done).map(|event| &event.at).collect();
    written.into_iter().filter(|at| !done.contains(at)).collect()
}

type LaneName = (Arc<str>, i32, Option<Vec<u8>>);

/// Goes through a history.
struct Audit {
    rules: Rules,
    running: HashMap<u32, usize>,
    open: HashMap<LaneName, Vec<At>>,
    /// The last record of each lane that was done for the first time.
    latest: HashMap<LaneName, i64>,
    done: BTreeSet<At>,
    committed: BTreeMap<(Arc<str>, i32), i64>,
    faults: Vec<String>,
}

impl Audit {
    fn new() -> Self {
        Self {
            rules: Rules::new(Lane::Free, 0),
            running: HashMap::new(),
            open: HashMap::new(),
            latest: HashMap::new(),
            done: BTreeSet::new(),
            committed: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    fn see(&mut self, event: &Event) {
        match event.what {
            What::Begun => self.begun(event),
            What::Committed => self.committed(&event.at),
            What::Done | What::Failed | What::Cut => self.ended(event),
        }
    }

    fn begun(&mut self, event: &Event) {
        let at = &event.at;
        let running = self.running.entry(event.member).or_default();
        *running += 1;
        let (running, most) = (*running, self.rules.most);
        if running > most {
            self.fault(format_args!("{running} calls at once, at {at}, and not {most}"));
        }
        if self.committed.get(&(at.0.clone(), at.1)).is_some_and(|committed| at.2 < *committed) {
            self.fault(format_args!("{at} was committed, and came again"));
        }
        if let Some(lane) = self.rules.lane_of(event) {
            let open = self.open.entry(lane).or_default();
            let beside = open.first().cloned();
            open.push(at.clone());
            if let Some(other) = beside {
                self.fault(format_args!("{at} overlaps {other}"));
            }
        }
    }

    fn ended(&mut self, event: &Event) {
        let at = &event.at;
        *self.running.entry(event.member).or_default() -= 1;
        let first = event.what == What::Done && self.done.insert(at.clone());
        let Some(lane) = self.rules.lane_of(event) else { return };
        let open = self.open.entry(lane.clone()).or_default();
        if let Some(place) = open.iter().position(|other| other == at) {
            open.remove(place);
        }
        if first {
            let before = self.latest.insert(lane, at.2);
            if let Some(before) = before.filter(|before| *before > at.2) {
                self.fault(format_args!("{before} was done before {at}"));
            }
        }
    }

    fn committed(&mut self, at: &At) {
        let before = self.committed.get(&(at.0.clone(), at.1)).copied();
        for offset in before.unwrap_or(0)..at.2 {
            let open = At(at.0.clone(), at.1, offset);
            if !self.done.contains(&open) {
                self.fault(format_args!("{at} was committed, and {open} is not done"));
            }
        }
        self.committed.insert((at.0.clone(), at.1), at.2);
        if let Some(before) = before.filter(|before| *before > at.2) {
            self.fault(format_args!("{at} was committed behind {before}"));
        }
    }

    fn fault(&mut self, fault: impl fmt::Display) {
        self.faults.push(fault.to_string());
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.0, self.1, self.2)
    }
}
