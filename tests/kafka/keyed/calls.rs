//! What the handlers of all processes wrote of their calls, and what is wrong with it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
};

/// Where a record stands.
pub(crate) type At = (i32, i64);

/// A call of a handler.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) at: At,
    pub(super) key: String,
    /// Nanoseconds of a clock that all processes share.
    pub(super) start: u64,
    /// `None` when it never ended.
    pub(crate) end: Option<u64>,
}

/// What is wrong with the calls.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Faults {
    /// Records that were not called with to the end.
    pub(super) lost: usize,
    /// Calls with a record that was called with to the end already, or at the same time.
    pub(super) duplicates: usize,
    /// Two calls of one key at once.
    pub(super) overlaps: usize,
    /// Calls of a key in another order than the log has.
    pub(super) order: usize,
}

/// Reads the calls that processes wrote into these files: `S` or `E`, partition, offset, key, nanoseconds.
pub(crate) fn read(files: &[impl AsRef<Path>]) -> Vec<Call> {
    let mut calls = Vec::new();
    for file in files {
        let mut open: HashMap<At, Call> = HashMap::new();
        let text = fs::read_to_string(file).unwrap();
        for line in text.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let [what, partition, offset, key, time] = words[..] else {
                panic!("a torn line: {line}")
            };
            let at = (partition.parse().unwrap(), offset.parse().unwrap());
            let time = time.parse().unwrap();
            match what {
                "S" => {
                    let call = Call { at, key: key.to_owned(), start: time, end: None };
                    calls.extend(open.insert(at, call));
                }
                "E" => {
                    let call = open.remove(&at).expect("a call that ends has begun");
                    calls.push(Call { end: Some(time), ..call });
                }
                _ => panic!("what is this: {line}"),
            }
        }
        calls.extend(open.into_values());
    }
    calls
}

/// What is wrong with these calls, when these records were written.
pub(super) fn check(calls: &[Call], written: &BTreeSet<At>) -> Faults {
    let ended: BTreeSet<_> =
        calls.iter().filter(|call| call.end.is_some()).map(|call| call.at).collect();
    let mut faults = Faults { lost: written.difference(&ended).count(), ..Faults::default() };
    let distinct: BTreeSet<_> = calls.iter().map(|call| call.at).collect();
    faults.duplicates = calls.len() - distinct.len();
    let mut lanes: BTreeMap<(i32, &str), Vec<&Call>> = BTreeMap::new();
    for call in calls {
        lanes.entry((call.at.0, &call.key)).or_default().push(call);
    }
    for lane in lanes.values_mut() {
        lane.sort_by_key(|call| call.start);
        for pair in lane.windows(2) {
            faults.overlaps += usize::from(pair[0].end.is_none_or(|end| pair[1].start < end));
            faults.order += usize::from(pair[1].at.1 < pair[0].at.1);
        }
    }
    faults
}

fn call(offset: i64, key: &str, start: u64, end: u64) -> Call {
    Call { at: (0, offset), key: key.to_owned(), start, end: Some(end) }
}

#[test]
fn calls_that_are_as_they_should_be_have_no_faults() {
    let calls = [call(0, "a", 0, 10), call(1, "b", 5, 15), call(2, "a", 10, 20)];
    let written = BTreeSet::from([(0, 0), (0, 1), (0, 2)]);

    assert_eq!(check(&calls, &written), Faults::default());
}

#[test]
fn each_fault_that_is_planted_is_found() {
    let written = BTreeSet::from([(0, 0), (0, 1)]);
    let good = [call(0, "a", 0, 10), call(1, "a", 10, 20)];

    let overlap = [good[0].clone(), call(1, "a", 9, 20)];
    assert_eq!(check(&overlap, &written), Faults { overlaps: 1, ..Faults::default() });
    let order = [call(1, "a", 0, 10), call(0, "a", 10, 20)];
    assert_eq!(check(&order, &written), Faults { order: 1, ..Faults::default() });
    let twice = [good[0].clone(), good[1].clone(), call(1, "a", 30, 40)];
    assert_eq!(check(&twice, &written), Faults { duplicates: 1, ..Faults::default() });
    assert_eq!(check(&good[..1], &written), Faults { lost: 1, ..Faults::default() });
    let unfinished = [good[0].clone(), Call { end: None, ..good[1].clone() }];
    assert_eq!(check(&unfinished, &written), Faults { lost: 1, ..Faults::default() });
}
