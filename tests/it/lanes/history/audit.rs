use super::{At, Event, History, What};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    sync::Arc,
};

/// What is to hold of a history.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Rules {
    pub(in super::super) lane: Lane,
    /// How many calls a member makes at once.
    pub(in super::super) most: usize,
}

/// Which records wait for each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Lane {
    Partition,
    Key,
    /// By key, but for those that have none.
    SomeKey,
    Free,
}

impl Rules {
    pub(in super::super) fn new(lane: Lane, most: usize) -> Self {
        Self { lane, most }
    }

    fn lane_of(self, event: &Event) -> Option<LaneName> {
        let key = match self.lane {
            Lane::Partition => Some(b"the partition".to_vec()),
            Lane::Key => event.key.clone(),
            Lane::SomeKey => Some(event.key.clone()?),
            Lane::Free => return None,
        };
        Some((event.at.0.clone(), event.at.1, key))
    }

    /// What is wrong with the history, if anything is.
    pub(in super::super) fn faults(self, events: &[Event]) -> Vec<String> {
        let mut audit = Audit::new(self);
        events.iter().for_each(|event| audit.see(event));
        audit.faults
    }

    #[track_caller]
    pub(in super::super) fn check(self, history: &History) {
        let faults = self.faults(&history.events());
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

/// Each of these records whose call never ended well.
pub(in super::super) fn lost(events: &[Event], written: impl IntoIterator<Item = At>) -> Vec<At> {
    let done: BTreeSet<_> =
        events.iter().filter(|event| event.what == What::Done).map(|event| &event.at).collect();
    written.into_iter().filter(|at| !done.contains(at)).collect()
}

type LaneName = (Arc<str>, i32, Option<Vec<u8>>);
type Partition = (Arc<str>, i32);

/// Goes through a history.
struct Audit {
    rules: Rules,
    running: HashMap<u32, HashSet<usize>>,
    open: HashMap<LaneName, Vec<Event>>,
    /// The last record of each lane that was done for the first time.
    latest: HashMap<LaneName, i64>,
    done: BTreeSet<At>,
    committed: HashMap<Partition, i64>,
    crashed: HashSet<u32>,
    /// What members saw since each partition became theirs.
    seen: HashMap<(u32, Partition), Seen>,
    faults: Vec<String>,
}

/// What was begun and done under an assignment.
#[derive(Default)]
struct Seen {
    done: BTreeSet<i64>,
    begun: HashMap<LaneName, i64>,
}

impl Audit {
    fn new(rules: Rules) -> Self {
        Self {
            rules,
            running: HashMap::new(),
            open: HashMap::new(),
            latest: HashMap::new(),
            done: BTreeSet::new(),
            committed: HashMap::new(),
            crashed: HashSet::new(),
            seen: HashMap::new(),
            faults: Vec::new(),
        }
    }

    fn see(&mut self, event: &Event) {
        match event.what {
            // A process that is killed does nothing any more; one that is dropped in a test takes a moment.
            What::Done if self.crashed.contains(&event.member) => {
                self.done.insert(event.at.clone());
            }
            What::Begun | What::Failed | What::Cut if self.crashed.contains(&event.member) => {}
            What::Begun => self.begun(event),
            What::Offered => self.offered(&event.at),
            What::Committed => self.committed(&event.at),
            What::Done | What::Failed | What::Cut => self.ended(event),
            What::Assigned => drop(self.seen.remove(&(event.member, partition(&event.at)))),
            What::Crashed => {
                self.crashed.insert(event.member);
                self.running.remove(&event.member);
                self.open.values_mut().for_each(|open| {
                    open.retain(|other| other.member != event.member);
                });
            }
        }
    }

    fn begun(&mut self, event: &Event) {
        let at = &event.at;
        let running = self.running.entry(event.member).or_default();
        running.insert(event.call);
        let (running, most) = (running.len(), self.rules.most);
        if running > most {
            self.fault(format_args!("{running} calls at once, at {at}, and not {most}"));
        }
        if self.committed.get(&partition(at)).is_some_and(|committed| at.2 < *committed) {
            self.fault(format_args!("{at} was committed, and came again"));
        }
        let lane = self.rules.lane_of(event);
        let seen = self.seen.entry((event.member, partition(at))).or_default();
        let again = seen.done.contains(&at.2);
        let before = lane.clone().and_then(|lane| seen.begun.insert(lane, at.2));
        if again {
            self.fault(format_args!("{at} was done, and came again under its assignment"));
        }
        if let Some(before) = before.filter(|before| *before > at.2) {
            self.fault(format_args!("{before} was begun before {at}"));
        }
        let Some(lane) = lane else { return };
        let open = self.open.entry(lane).or_default();
        let beside = open.iter().find(|other| other.call != event.call).cloned();
        open.push(event.clone());
        if let Some(other) = beside {
            self.fault(format_args!("{at} overlaps {}", other.at));
        }
    }

    fn ended(&mut self, event: &Event) {
        let at = &event.at;
        self.running.entry(event.member).or_default().remove(&event.call);
        let done = event.what == What::Done;
        if done {
            let seen = self.seen.entry((event.member, partition(at))).or_default();
            seen.done.insert(at.2);
        }
        let first = done && self.done.insert(at.clone());
        let Some(lane) = self.rules.lane_of(event) else { return };
        if event.what == What::Failed {
            // A batch is tried again whole.
            let seen = self.seen.entry((event.member, partition(at))).or_default();
            seen.begun.entry(lane.clone()).and_modify(|begun| *begun = at.2.min(*begun));
        }
        let open = self.open.entry(lane.clone()).or_default();
        open.retain(|other| (other.call, &other.at) != (event.call, at));
        if first {
            let before = self.latest.insert(lane, at.2);
            if let Some(before) = before.filter(|before| *before > at.2) {
                self.fault(format_args!("{before} was done before {at}"));
            }
        }
    }

    fn offered(&mut self, at: &At) {
        let before = self.committed.get(&partition(at)).copied().unwrap_or(0);
        for offset in before..at.2 {
            let open = At(at.0.clone(), at.1, offset);
            if !self.done.contains(&open) {
                self.fault(format_args!("{at} was to be committed, and {open} is not done"));
            }
        }
    }

    fn committed(&mut self, at: &At) {
        let before = self.committed.insert(partition(at), at.2);
        if let Some(before) = before.filter(|before| *before > at.2) {
            self.fault(format_args!("{at} was committed behind {before}"));
        }
    }

    fn fault(&mut self, fault: impl fmt::Display) {
        self.faults.push(fault.to_string());
    }
}

fn partition(at: &At) -> Partition {
    (at.0.clone(), at.1)
}
