//! The table of faults is whole, and the tests that it names are there.

use super::coverage::tests_of;
use std::fs;

/// How many faults there are.
const FAULTS: usize = 44;

/// A row: the fault, what is looked at, the rig, the tests, the command, how often it fired, and the last result.
const CELLS: usize = 7;

/// What is wrong with a table of so many faults.
fn faults(text: &str, count: usize, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| F")).collect();
    let names: Vec<_> = (1..=count).map(|n| format!("F{n:02}")).collect();
    let mut faults = Vec::new();
    for name in &names {
        let count = rows.iter().filter(|row| row.starts_with(&format!("| {name} "))).count();
        if count != 1 {
            faults.push(format!("{name} has {count} rows"));
        }
    }
    for row in rows {
        faults.extend(faults_of(row, &names, &read));
    }
    faults
}

fn faults_of(row: &str, names: &[String], read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let cells: Vec<_> = row.trim_matches(['|', ' ']).split(" | ").collect();
    let name = cells[0].split(' ').next().unwrap_or_default();
    if cells.len() != CELLS {
        return vec![format!("{name} has {} cells", cells.len())];
    }
    let mut faults = Vec::new();
    if !names.iter().any(|known| known == name) {
        faults.push(format!("{name} is no fault"));
    }
    if cells[4] != format!("`just faults {name}`") {
        faults.push(format!("{name} is run again by {}", cells[4]));
    }
    let quoted = cells[3].split('`').skip(1).step_by(2);
    let tests: Vec<_> = quoted.filter_map(|it| it.split_once("::")).collect();
    if tests.is_empty() {
        faults.push(format!("{name} has no test"));
    }
    for (file, test) in tests {
        if !read(file).is_some_and(|source| tests_of(&source).iter().any(|it| it == test)) {
            faults.push(format!("{name} is shown by `{file}::{test}`, which is no test"));
        }
    }
    faults
}

#[test]
fn every_fault_has_a_row_and_every_row_its_tests() {
    let read = |file: &str| fs::read_to_string(super::root().join(file)).ok();
    let text = read("docs/faults.md").unwrap();

    let faults = faults(&text, FAULTS, read);

    assert!(faults.is_empty(), "docs/faults.md: {faults:#?}");
}

#[test]
fn a_fault_without_a_row_or_a_test_is_found() {
    let read = |file: &str| (file == "tests/a.rs").then(|| "#[test] fn here() {}".to_owned());
    let row = |name: &str, tests: &str| {
        format!("| {name} it breaks | I1 | B | {tests} | `just faults {name}` | - | - |\n")
    };
    let found = |text: &str| faults(text, 1, read);
    let good = row("F01", "not as such: `tests/a.rs::here`");

    assert!(found(&good).is_empty(), "{:?}", found(&good));
    assert_eq!(found(""), ["F01 has 0 rows"]);
    assert_eq!(found(&format!("{good}{good}")), ["F01 has 2 rows"]);
    assert_eq!(found(&row("F01", "`Ack`")), ["F01 has no test"]);
    let more = format!("{good}{}", row("F02", "`tests/a.rs::here`"));
    assert_eq!(found(&more), ["F02 is no fault"]);
    let again = good.replace("just faults", "just test");
    assert_eq!(found(&again), ["F01 is run again by `just test F01`"]);
    assert_eq!(found(&good.replace(" | - |", " |")), ["F01 has 6 cells"]);
    for gone in ["tests/a.rs::gone", "tests/b.rs::here"] {
        let expected = format!("F01 is shown by `{gone}`, which is no test");
        assert_eq!(found(&row("F01", &format!("`{gone}`"))), [expected]);
    }
}
