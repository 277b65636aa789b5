//! Each bug that is planted shows, and shows by breaking the promise that it is said to break; without it nothing does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::excessive_nesting,
    missing_docs,
    reason = "these are tests"
)]

mod delivery;
#[path = "../it/kit.rs"]
#[allow(dead_code, reason = "not all of it is used here")]
mod kit;
mod promises;
mod simulated;
mod transactions;
#[path = "../sim/world/mod.rs"]
#[allow(dead_code, reason = "not all of it is used here")]
mod world;

use milena::planted::{Bug, plant, struck, with};
use promises::{Broken, Promise};

/// The scenario keeps every promise, and with the bug it breaks this one.
async fn shows(bug: Bug, promise: Promise, scenario: impl AsyncFn() -> Vec<Broken>) {
    let sound = scenario().await;
    assert!(sound.is_empty(), "without the bug: {sound:?}");

    let planted = plant(bug);
    let broken = scenario().await;
    drop(planted);

    assert!(struck() > 0, "{} did not strike", bug.name());
    assert!(broken.iter().any(|it| it.0 == promise), "{}: {broken:?}", bug.name());
}

#[test]
fn each_bug_is_shown_by_a_test() {
    let tests = concat!(include_str!("delivery.rs"), include_str!("transactions.rs"));
    let shown = |bug: &Bug| tests.contains(&format!("shows(Bug::{},", bug.name()));
    let missing: Vec<_> = Bug::ALL.iter().filter(|bug| !shown(bug)).collect();

    assert!(Bug::ALL.len() >= 14);
    assert!(missing.is_empty(), "no test shows {missing:?}");
    with(Bug::CommitSeen, || assert_eq!(struck(), 0));
}
