//! What a member writes down, and what is read of it when it is dead.

use super::records::At;
use milena::Record;
use nix::time::{ClockId, clock_gettime};
use std::{
    collections::HashMap,
    fs::File,
    io::Write as _,
    path::Path,
    sync::{Arc, Mutex},
};

/// Whole lines, each at once, so that nothing is torn: what, partition, offset, nanoseconds, attempt, key.
#[derive(Clone)]
pub(super) struct Journal(Arc<Mutex<File>>);

impl Journal {
    pub(super) fn create(path: &Path) -> Self {
        Self(Arc::new(Mutex::new(File::create(path).unwrap())))
    }

    /// `S`tarts, `E`nds well, or `F`ails.
    pub(super) fn call(&self, what: char, record: &Record, attempt: u32) {
        let key = String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned();
        self.write(what, (record.partition(), record.offset()), (attempt, &key));
    }

    /// `A`ssigned, `R`evoked, `L`ost, `P`aused, and not pa`U`sed any more.
    pub(super) fn partition(&self, what: char, partition: i32) {
        self.write(what, (partition, 0), (0, "-"));
    }

    fn write(&self, what: char, at: At, (attempt, key): (u32, &str)) {
        let mut file = self.0.lock().unwrap();
        let line = format!("{what} {} {} {} {attempt} {key}\n", at.0, at.1, nanos());
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// What the clock says that all processes share.
pub(super) fn nanos() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    (now.tv_sec() * 1_000_000_000 + now.tv_nsec()).cast_unsigned()
}

/// How a member came to have a partition no more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Parting {
    Revoked,
    Lost,
    Died,
}

/// The time in which a member has a partition.
#[derive(Clone, Debug)]
pub(super) struct Stay {
    pub(super) partition: i32,
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) parting: Parting,
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) at: At,
    pub(super) key: String,
    pub(super) attempt: u32,
    /// Which one of the stays it is part of.
    pub(super) stay: usize,
    pub(super) start: u64,
    /// When it was over at the latest.
    pub(super) over: u64,
    /// Whether it succeeded; `None` when it never ended.
    pub(super) succeeded: Option<bool>,
}

/// A time in which no call was to begin.
#[derive(Clone, Debug)]
pub(super) struct Pause {
    pub(super) stay: usize,
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// What all members did.
#[derive(Default)]
pub(super) struct History {
    pub(super) stays: Vec<Stay>,
    pub(super) calls: Vec<Call>,
    pub(super) pauses: Vec<Pause>,
    /// Calls that began when their partition was not their member's any more.
    pub(super) strays: usize,
}

impl History {
    /// Adds what a member did that was dead at this time.
    pub(super) fn add(&mut self, journal: &str, dead: u64) {
        let mut member = Member { history: self, stays: HashMap::new(), calls: HashMap::new() };
        for line in journal.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let [what, partition, offset, time, attempt, key] = words[..] else {
                panic!("a torn line: {line}")
            };
            let at = (partition.parse().unwrap(), offset.parse().unwrap());
            let attempt = attempt.parse().unwrap();
            member.read(what, at, (time.parse().unwrap(), attempt, key));
        }
        member.end(dead);
    }
}

/// A member whose journal is read.
struct Member<'a> {
    history: &'a mut History,
    /// The latest stay of each partition, and whether it goes on.
    stays: HashMap<i32, (usize, bool)>,
    calls: HashMap<At, Call>,
}

impl Member<'_> {
    fn read(&mut self, what: &str, at: At, (time, attempt, key): (u64, u32, &str)) {
        match what {
            "A" => {
                let (partition, number) = (at.0, self.history.stays.len());
                let stay = Stay { partition, begin: time, end: u64::MAX, parting: Parting::Died };
                self.history.stays.push(stay);
                self.stays.insert(partition, (number, true));
            }
            "R" => self.part(at.0, time, Parting::Revoked),
            "L" => self.part(at.0, time, Parting::Lost),
            "P" => {
                let stay = self.stays.get(&at.0).map_or(usize::MAX, |(number, _)| *number);
                self.history.pauses.push(Pause { stay, begin: time, end: time });
            }
            "U" => self.history.pauses.last_mut().expect("a pause").end = time,
            "S" => {
                let (stay, goes_on) = self.stays[&at.0];
                self.history.strays += usize::from(!goes_on);
                let key = key.to_owned();
                let call =
                    Call { at, key, attempt, stay, start: time, over: u64::MAX, succeeded: None };
                self.history.calls.extend(self.calls.insert(at, call));
            }
            "E" | "F" => {
                let call = self.calls.remove(&at).expect("a call that ends has begun");
                let call = Call { over: time, succeeded: Some(what == "E"), ..call };
                self.history.calls.push(call);
            }
            _ => panic!("what is this: {what}"),
        }
    }

    fn part(&mut self, partition: i32, time: u64, parting: Parting) {
        let (number, goes_on) = self.stays.get_mut(&partition).expect("what goes has come");
        let stay = &mut self.history.stays[*number];
        (stay.end, stay.parting, *goes_on) = (time, parting, false);
    }

    /// What goes on ends with it.
    fn end(self, dead: u64) {
        self.history.calls.extend(self.calls.into_values());
        for (number, _) in self.stays.values().filter(|(_, goes_on)| *goes_on) {
            self.history.stays[*number].end = dead;
        }
        let (stays, calls) = (&self.history.stays, &mut self.history.calls);
        for call in calls.iter_mut().filter(|call| call.over == u64::MAX) {
            call.over = stays[call.stay].end.max(call.start);
        }
    }
}
