//! The checker finds what is wrong with journals that are made up.

use super::{
    checks::{Checker, Faults, Mark, Told},
    journal::History,
    records::At,
};
use std::collections::BTreeMap;

const SECOND: u64 = 1_000_000_000;

/// What is found in the journals of members that were dead after 100 s, in a partition with this many records. A line has
/// what, offset, second, attempt and key.
fn check(journals: &[&str], records: i64, marks: &[(u64, i64)]) -> (Faults, Told) {
    let mut history = History::default();
    for journal in journals {
        let line = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            let [what, offset, second, attempt, key] = words[..] else { panic!("{line}") };
            let nanos = second.parse::<u64>().unwrap() * SECOND;
            format!("{what} 0 {offset} {nanos} {attempt} {key}\n")
        };
        let journal: String = journal.split(',').map(line).collect();
        history.add(&journal, 100 * SECOND);
    }
    let written: BTreeMap<At, u64> = (0..records).map(|offset| ((0, offset), 0)).collect();
    let mark = |(second, to): &(u64, i64)| Mark { at: second * SECOND, committed: vec![*to] };
    let marks: Vec<_> = marks.iter().map(mark).collect();
    Checker::new(&history).check(&written, &marks, &[])
}

const GOOD: &str = "A 0 1 0 -, S 0 2 1 a, E 0 3 1 a, S 1 4 1 a, E 1 5 1 a, R 0 9 0 -";

#[test]
fn what_is_well_has_no_faults() {
    let tried =
        "A 0 1 0 -, S 0 2 1 a, S 1 2 1 b, F 0 3 1 a, E 1 3 1 b, S 0 4 2 a, E 0 5 2 a, R 0 9 0 -";

    assert_eq!(check(&[GOOD], 2, &[(6, 2), (8, 2)]).0, Faults::default());
    assert_eq!(check(&[tried], 2, &[(4, 0), (6, 2)]).0, Faults::default());
}

#[test]
fn what_is_behind_a_record_that_was_not_done_may_come_again() {
    // The key of record 1 was busy until the partition went; record 2 had been done, and record 0, too.
    let busy = "A 0 1 0 -, S 0 2 1 a, S 2 2 1 b, E 2 3 1 b, E 0 8 1 a, R 0 9 0 -";
    let next = "A 0 10 0 -, S 1 11 1 a, E 1 12 1 a, S 2 11 1 b, E 2 12 1 b, R 0 13 0 -";
    let from_the_start = next.replace("S 1 11", "S 0 10 1 a, E 0 10 1 a, S 1 11");
    let (faults, told) = check(&[busy, next], 3, &[(9, 1)]);

    assert_eq!((faults, told.again), (Faults::default(), 1));
    let groundless = Faults { groundless: 1, ..Faults::default() };
    assert_eq!(check(&[busy, &from_the_start], 3, &[]).0, groundless);
}

#[test]
fn each_fault_that_is_planted_is_found() {
    let none = Faults::default;
    let is = |journals: &[&str], marks: &[(u64, i64)], expected: Faults| {
        assert_eq!(check(journals, 2, marks).0, expected, "{journals:?}");
    };
    is(&["A 0 1 0 -, S 0 2 1 a, E 0 3 1 a, S 1 4 1 a"], &[], Faults { lost: 1, ..none() });
    let both = "A 0 1 0 -, S 0 2 1 a, S 1 3 1 a, E 0 4 1 a, E 1 5 1 a, R 0 9 0 -";
    is(&[both], &[], Faults { overlaps: 1, ..none() });
    let turned = "A 0 1 0 -, S 1 2 1 a, E 1 3 1 a, S 0 4 1 a, E 0 5 1 a, R 0 9 0 -";
    is(&[turned], &[], Faults { order: 1, ..none() });
    is(&[GOOD], &[(4, 2)], Faults { early: 1, ..none() });
    is(&[GOOD], &[(6, 2), (7, 1)], Faults { back: 1, ..none() });
    let again = "A 0 10 0 -, S 1 11 1 a, E 1 12 1 a, R 0 13 0 -";
    is(&[GOOD, again], &[(9, 2)], Faults { committed: 1, groundless: 1, ..none() });
    is(&[GOOD, again], &[], Faults { groundless: 1, ..none() });
    let soon = "A 0 1 0 -, S 0 2 1 a, F 0 3 1 a, S 0 3 2 a, E 0 4 2 a, S 1 5 1 a, E 1 6 1 a";
    is(&[soon], &[], Faults { attempts: 1, ..none() });
    let out_of_turn = GOOD.replace("S 0 2 1 a", "S 0 2 2 a");
    is(&[&out_of_turn], &[], Faults { attempts: 1, ..none() });
    let paused = GOOD.replace("S 1 4 1 a", "P 0 3 0 -, S 1 4 1 a, U 0 5 0 -");
    is(&[&paused], &[], Faults { paused: 1, ..none() });
    let stray = GOOD.replace("S 1 4 1 a", "R 0 4 0 -, S 1 4 1 a").replace(", R 0 9 0 -", "");
    is(&[&stray], &[], Faults { strays: 1, ..none() });
}

#[test]
fn what_was_lost_may_come_again_and_is_told() {
    let lost = GOOD.replace("R 0 9", "L 0 9");
    let next = "A 0 6 0 -, S 1 7 1 a, E 1 8 1 a, R 0 20 0 -";
    let zombie = "A 0 1 0 -, S 0 2 1 a, E 0 3 1 a, S 1 7 1 a, E 1 8 1 a, L 0 9 0 -";
    let first = "A 0 4 0 -, S 1 5 1 a, E 1 7 1 a, R 0 20 0 -";
    let late = GOOD.replace(", E 1 5 1 a, R 0 9 0 -", ", L 0 5 0 -, E 1 6 1 a");

    assert_eq!(check(&[&lost, next], 2, &[]).0, Faults::default());
    assert_eq!(check(&[&late, next], 2, &[]).0, Faults::default());
    let revoked = late.replace("L 0 5", "R 0 5");
    assert_eq!(check(&[&revoked, next], 2, &[]).0, Faults { groundless: 1, ..Faults::default() });
    let (faults, told) = check(&[zombie, first], 2, &[(6, 1)]);
    assert_eq!(faults, Faults::default());
    assert_eq!((told.again, told.overlaps), (0, 0));
    let (faults, told) = check(&[&zombie.replace("S 1 7", "S 1 6"), first], 2, &[]);
    assert_eq!((faults, told.overlaps), (Faults::default(), 1));
}
