//! Whole services on the embedded broker, in time that is driven, with faults that a seed chooses.
//!
//! `MILENA_SEEDS=100000` runs so many seeds, `MILENA_SEED=17` runs that one and prints its history.
//!
//! A seed decides everything: what is written, what the handlers do, which faults strike when, and what comes first of
//! what is due at the same instant. So one that fails fails each time, in the same way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "these are tests"
)]

mod world;

use self::world::{
    plan::Plan,
    run::{Run, run},
    shrink,
};
use milena_check::Entry;
use std::{collections::BTreeMap, env, sync::Mutex, thread, time::Instant};

/// How many seeds are run if nobody says otherwise.
const SEEDS: u64 = 500;
/// How many of them are run twice.
const REPLAYED: u64 = 200;
/// The fewest seeds in which each fault has to have fired.
const ENOUGH: u64 = 300;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number of a seed, or of seeds"))
}

/// Does this with each of so many seeds, on two threads.
fn each_seed(seeds: u64, act: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        for half in 0..2 {
            let act = &act;
            scope.spawn(move || (half..seeds).step_by(2).for_each(act));
        }
    });
}

#[test]
fn whatever_a_seed_brings_no_promise_is_broken() {
    if let Some(seed) = number("MILENA_SEED") {
        let done = hold(seed);
        println!("{}\n{}", Plan::of(seed), done.history);
        return;
    }
    let seeds = number("MILENA_SEEDS").unwrap_or(SEEDS);
    let (fired, began) = (Mutex::new(BTreeMap::new()), Instant::now());
    each_seed(seeds, |seed| add(&mut fired.lock().unwrap(), &hold(seed)));

    let fired = fired.into_inner().unwrap();
    let told: Vec<_> = fired.iter().map(|(name, times)| format!("{times} {name}")).collect();
    let all: usize = fired.values().sum();
    println!("{seeds} seeds in {:.1?}", began.elapsed());
    println!("fired: {all} in {} kinds: {};", told.len(), told.join(", "));
    if seeds >= ENOUGH {
        let never: Vec<_> = fired.iter().filter(|(_, times)| **times == 0).collect();
        assert!(never.is_empty(), "faults that never fired: {never:?}");
    }
}

#[test]
fn a_seed_is_one_history_event_for_event() {
    let seeds = number("MILENA_SEEDS").unwrap_or(REPLAYED);
    let (events, began) = (Mutex::new(0), Instant::now());
    each_seed(seeds, |seed| {
        let [one, other] = [(), ()].map(|()| run(&Plan::of(seed)).history.entries());
        if let Some(difference) = difference(&one, &other) {
            panic!("MILENA_SEED={seed} is not the same twice: {difference}");
        }
        *events.lock().unwrap() += one.len();
    });
    let events = events.into_inner().unwrap();
    println!("{seeds} seeds, twice each, in {:.1?}: the same {events} events", began.elapsed());
}

/// Where the second history parts from the first.
fn difference(one: &[Entry], other: &[Entry]) -> Option<String> {
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let text = |all: &[Entry]| all.get(same).map_or("nothing".to_owned(), ToString::to_string);
    let differs = same < one.len().max(other.len());
    differs.then(|| format!("event {same} is first\n{}\nand then\n{}", text(one), text(other)))
}

/// Runs the seed. If a promise is broken, it says by how few faults.
fn hold(seed: u64) -> Run {
    let plan = Plan::of(seed);
    let done = run(&plan);
    if !done.broken.is_empty() {
        panic!("MILENA_SEED={seed} breaks a promise.\n{}", shrink::report(&plan, &done));
    }
    done
}

fn add(all: &mut BTreeMap<&'static str, usize>, run: &Run) {
    for (name, times) in &run.fired {
        *all.entry(name).or_default() += times;
    }
}

#[test]
fn a_seed_is_a_plan() {
    for seed in 0..100 {
        let (one, other) = (Plan::of(seed), Plan::of(seed));
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        assert_ne!(format!("{:?}", one.records), format!("{:?}", Plan::of(seed + 1).records));
    }
}
