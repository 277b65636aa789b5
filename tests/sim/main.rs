//! Whole services on the embedded broker, in time that is driven, with faults that a seed chooses.
//!
//! `MILENA_SEEDS=100000` runs so many seeds, `MILENA_SEED=17` runs that one and prints its history.
//!
//! A seed decides what is written, what the handlers do, and which faults strike when. It does not decide in which order
//! the runtime does what is due at the same instant (`select!` and the order of hash maps are random), so that a seed
//! that fails may hold the next time. So what is printed is the history of the run that failed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "these are tests"
)]

mod fault;
mod handlers;
mod members;
mod plan;
mod run;
mod shrink;

use self::{
    plan::Plan,
    run::{Run, run},
};
use std::{collections::BTreeMap, env, sync::Mutex, thread};

/// How many seeds are run if nobody says otherwise.
const SEEDS: u64 = 500;
/// The fewest seeds in which each fault has to have fired.
const ENOUGH: u64 = 300;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number of a seed, or of seeds"))
}

#[test]
fn whatever_a_seed_brings_no_promise_is_broken() {
    if let Some(seed) = number("MILENA_SEED") {
        let done = hold(seed);
        println!("{}\n{}", Plan::of(seed), done.history);
        return;
    }
    let seeds = number("MILENA_SEEDS").unwrap_or(SEEDS);
    let fired = Mutex::new(BTreeMap::new());
    let began = std::time::Instant::now();
    thread::scope(|scope| {
        for half in 0..2 {
            let fired = &fired;
            scope.spawn(move || {
                for seed in (half..seeds).step_by(2) {
                    let run = hold(seed);
                    add(&mut fired.lock().unwrap(), &run);
                }
            });
        }
    });
    let fired = fired.into_inner().unwrap();
    println!("{seeds} seeds in {:?}; faults that fired: {fired:#?}", began.elapsed());
    if seeds >= ENOUGH {
        let never: Vec<_> = fired.iter().filter(|(_, times)| **times == 0).collect();
        assert!(never.is_empty(), "faults that never fired: {never:?}");
    }
}

/// Runs the seed. If a promise is broken, it says by how few faults.
fn hold(seed: u64) -> Run {
    let plan = Plan::of(seed);
    let done = run(&plan);
    if let Err(broken) = &done.result {
        let smaller = shrink::shrink(plan.clone(), broken.invariant, |plan| {
            run(plan).result.err().map(|broken| broken.invariant)
        });
        let after = run(&smaller);
        let (text, history) = match &after.result {
            Err(broken) => (broken, &after.history),
            Ok(()) => (broken, &done.history),
        };
        panic!(
            "MILENA_SEED={seed} breaks a promise.\n{plan}\nIt takes no more than\n{smaller}\n{text}\nAll that happened:\n{history}"
        );
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
