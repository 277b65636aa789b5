//! What is wrong with what the members did, when this was committed.

use super::{
    journal::{Call, History, Parting, Stay},
    member::{ATTEMPTS, FIRST},
    records::At,
};
use std::collections::{BTreeMap, HashMap};

/// What was committed of each partition, and when that was known.
#[derive(Clone)]
pub(super) struct Mark {
    pub(super) at: u64,
    pub(super) committed: Vec<i64>,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Faults {
    /// Records that are not done.
    pub(super) lost: usize,
    /// Two calls of one key at once.
    pub(super) overlaps: usize,
    /// Records of a key that were done in another order than the log has.
    pub(super) order: usize,
    /// Partitions that were committed before that was done.
    pub(super) early: usize,
    /// Commits that went back.
    pub(super) back: usize,
    /// Calls with what was committed.
    pub(super) committed: usize,
    /// Calls with what was done, though everybody left well, and nothing before it was open.
    pub(super) groundless: usize,
    /// Attempts that were too soon, too many, or out of turn.
    pub(super) attempts: usize,
    /// Calls of a partition that was paused.
    pub(super) paused: usize,
    /// Calls of a partition that had been taken away.
    pub(super) strays: usize,
}

/// What may be, where partitions are lost.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Calls with what was done.
    pub(super) again: usize,
    /// Calls that overlap with those of a member that had lost the partition, or with what it had lost.
    pub(super) overlaps: usize,
    /// Calls with what others had committed behind the back of a member.
    pub(super) committed: usize,
}

/// When a record was done first, and in which stay.
type Done = BTreeMap<At, (u64, usize)>;

pub(super) struct Checker<'a> {
    history: &'a History,
    done: Done,
    stays: HashMap<i32, Vec<usize>>,
    /// The first record of a stay that was not done in it: it failed and was to be tried again, or its key was busy.
    open: HashMap<usize, i64>,
    faults: Faults,
    told: Told,
}

fn is_last(call: &Call) -> bool {
    call.succeeded == Some(true) || (call.succeeded == Some(false) && call.attempt == ATTEMPTS)
}

/// The first record of each stay that was begun in it and not done, or left out between others that were begun.
fn open(calls: &[Call]) -> HashMap<usize, i64> {
    let mut begun = BTreeMap::<usize, BTreeMap<i64, bool>>::new();
    for call in calls {
        *begun.entry(call.stay).or_default().entry(call.at.1).or_default() |= is_last(call);
    }
    let first = |records: BTreeMap<i64, bool>| {
        let first = *records.keys().next()?;
        let open = (first..).zip(&records).find(|(next, (at, done))| next != *at || !**done);
        open.map(|(next, _)| next)
    };
    begun.into_iter().filter_map(|(stay, records)| Some((stay, first(records)?))).collect()
}

impl<'a> Checker<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let (mut done, mut stays) = (Done::new(), HashMap::<i32, Vec<usize>>::new());
        for call in history.calls.iter().filter(|call| is_last(call)) {
            let first = done.entry(call.at).or_insert((call.over, call.stay));
            *first = (*first).min((call.over, call.stay));
        }
        for (number, stay) in history.stays.iter().enumerate() {
            stays.entry(stay.partition).or_default().push(number);
        }
        let open = open(&history.calls);
        let (faults, told) = Default::default();
        Self { history, done, stays, open, faults, told }
    }

    /// Everything, when these records were written, and nothing was to be committed in the outages.
    pub(super) fn check(
        mut self,
        written: &BTreeMap<At, u64>,
        marks: &[Mark],
        outages: &[(u64, u64)],
    ) -> (Faults, Told) {
        self.faults.lost = written.keys().filter(|at| !self.done.contains_key(at)).count();
        self.faults.strays = self.history.strays;
        self.check_keys();
        self.check_commits(marks);
        self.check_again(outages);
        self.check_attempts();
        self.check_pauses();
        (self.faults, self.told)
    }

    fn stay(&self, call: &Call) -> &'a Stay {
        &self.history.stays[call.stay]
    }

    fn was_lost(&self, call: &Call) -> bool {
        self.stay(call).parting == Parting::Lost
    }

    fn check_keys(&mut self) {
        let mut keys = BTreeMap::<(i32, &str), Vec<&Call>>::new();
        for call in &self.history.calls {
            keys.entry((call.at.0, &call.key)).or_default().push(call);
        }
        for calls in keys.values_mut() {
            calls.sort_by_key(|call| call.start);
            let mut latest = calls[0];
            for call in &calls[1..] {
                let told = self.was_lost(call) || self.was_lost(latest);
                let overlaps = usize::from(call.start < latest.over);
                self.told.overlaps += overlaps * usize::from(told);
                self.faults.overlaps += overlaps * usize::from(!told);
                latest = if call.over > latest.over { call } else { latest };
            }
            let mut offsets: Vec<_> = calls.iter().map(|call| call.at).collect();
            offsets.sort_unstable();
            offsets.dedup();
            let times: Vec<_> = offsets.iter().filter_map(|at| self.done.get(at)).collect();
            self.faults.order += times.windows(2).filter(|pair| pair[1].0 < pair[0].0).count();
        }
    }

    fn check_commits(&mut self, marks: &[Mark]) {
        let partitions = marks.first().map_or(0, |mark| mark.committed.len());
        for partition in 0..partitions {
            let committed: Vec<_> =
                marks.iter().map(|mark| (mark.at, mark.committed[partition])).collect();
            self.faults.back += committed.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
            let partition = i32::try_from(partition).unwrap();
            let (mut all, mut next) = (0, 0);
            for (at, committed) in &committed {
                // When everything before what is committed was done.
                while next < *committed {
                    all = self.done.get(&(partition, next)).map_or(u64::MAX, |it| it.0).max(all);
                    next += 1;
                }
                self.faults.early += usize::from(all > *at);
            }
        }
        for call in &self.history.calls {
            let before = marks.partition_point(|mark| mark.at < call.start);
            let place = usize::try_from(call.at.0).unwrap();
            if before == 0 || call.at.1 >= marks[before - 1].committed[place] {
                continue;
            }
            if self.was_lost(call) {
                self.told.committed += 1;
            } else {
                self.faults.committed += 1;
            }
        }
    }

    fn check_again(&mut self, outages: &[(u64, u64)]) {
        for call in &self.history.calls {
            let Some(done) = self.done.get(&call.at).filter(|done| done.0 < call.start) else {
                continue;
            };
            self.told.again += 1;
            self.faults.groundless += usize::from(!self.may_come_again(call, *done, outages));
        }
    }

    /// Whether a record that was done then may come again: its offset need not have been committed.
    fn may_come_again(&self, call: &Call, done: (u64, usize), outages: &[(u64, u64)]) -> bool {
        if call.stay == done.1 {
            return false;
        }
        let between = |begin: u64, end: u64| begin <= call.start && end >= done.0;
        let mut stays = self.stays[&call.at.0].iter().map(|it| (it, &self.history.stays[*it]));
        outages.iter().any(|(begin, end)| between(*begin, *end))
            || stays.any(|(number, stay)| {
                let is_open = self.open.get(number).is_some_and(|offset| *offset < call.at.1);
                // A call can end behind the stay it is of.
                let was_there = *number == done.1 || between(stay.begin, stay.end);
                was_there && (is_open || stay.parting != Parting::Revoked)
            })
    }

    /// Within a stay a record has one attempt after the other, not too soon.
    fn check_attempts(&mut self) {
        let mut records = BTreeMap::<(usize, At), Vec<&Call>>::new();
        for call in &self.history.calls {
            records.entry((call.stay, call.at)).or_default().push(call);
        }
        for calls in records.values_mut() {
            calls.sort_by_key(|call| call.start);
            self.faults.attempts += usize::from(calls[0].attempt != 1);
            for pair in calls.windows(2) {
                let delay = (FIRST * 2_u32.pow(pair[0].attempt - 1)).min(4 * FIRST) / 2;
                let waited = pair[1].start.saturating_sub(pair[0].over);
                let is_soon = u128::from(waited) + 2_000_000 < delay.as_nanos();
                let is_next = pair[1].attempt == pair[0].attempt + 1 && !is_last(pair[0]);
                self.faults.attempts += usize::from(is_soon || !is_next);
            }
        }
    }

    fn check_pauses(&mut self) {
        let mut calls = HashMap::<usize, Vec<u64>>::new();
        for call in self.history.calls.iter().filter(|call| call.attempt == 1) {
            calls.entry(call.stay).or_default().push(call.start);
        }
        for pause in &self.history.pauses {
            let starts = calls.get(&pause.stay).into_iter().flatten();
            let paused = |start: &&u64| (pause.begin..pause.end).contains(*start);
            self.faults.paused += starts.filter(paused).count();
        }
    }
}
