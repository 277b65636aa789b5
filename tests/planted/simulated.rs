//! What the simulation makes of each bug: by which promise it finds it, in how many seeds, and that these hold without it.

use crate::world::{
    plan::Plan,
    run::{Run, run},
    shrink,
};
use milena::planted::{Bug, struck, with};
use std::{collections::BTreeMap, env, sync::Mutex, thread, time::Instant};

/// A bug that shows in none of so many seeds is not found.
const MOST: u64 = 500;

/// The first seed in which a bug shows, and what it breaks there.
struct Caught {
    seed: u64,
    broken: String,
}

#[test]
fn the_simulation_finds_each_bug_and_nothing_in_the_same_seeds_without_it() {
    let (began, caught) = (Instant::now(), Mutex::new(BTreeMap::new()));
    let left = Mutex::new(Bug::ALL.iter());
    on_two_threads(|| {
        while let Some(bug) = { left.lock().unwrap().next() } {
            let it = catch(*bug);
            caught.lock().unwrap().insert(*bug, it);
        }
    });
    let caught = caught.into_inner().unwrap();
    let last = caught.values().flatten().map(|it| it.seed).max().unwrap_or(0);
    let unsound = unsound(last);
    print(&caught, &unsound);
    println!("{} bugs in {:.1?}", caught.len(), began.elapsed());

    assert!(unsound.is_empty(), "promises are broken without a bug: {unsound:?}");
    let missed: Vec<_> = caught.iter().filter(|(_, it)| it.is_none()).map(|(bug, _)| bug).collect();
    assert!(missed.is_empty(), "the simulation does not find {missed:?}");
}

fn on_two_threads(act: impl Fn() + Sync) {
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(&act))));
}

fn catch(bug: Bug) -> Option<Caught> {
    (0..MOST).find_map(|seed| {
        let run = run_with(bug, &Plan::of(seed));
        let broken: Vec<_> = run.broken.iter().map(|it| it.invariant.to_string()).collect();
        // A bug that did not strike broke nothing.
        let shows = !broken.is_empty() && struck() > 0;
        shows.then(|| Caught { seed, broken: broken.join("; ") })
    })
}

fn run_with(bug: Bug, plan: &Plan) -> Run {
    with(bug, || run(plan))
}

/// The seeds up to this one that break a promise without a bug.
fn unsound(last: u64) -> Vec<u64> {
    let (next, unsound) = (Mutex::new(0..=last), Mutex::new(Vec::new()));
    on_two_threads(|| {
        while let Some(seed) = { next.lock().unwrap().next() } {
            if !run(&Plan::of(seed)).broken.is_empty() {
                unsound.lock().unwrap().push(seed);
            }
        }
    });
    unsound.into_inner().unwrap()
}

fn print(caught: &BTreeMap<Bug, Option<Caught>>, unsound: &[u64]) {
    println!("| bug | found by | seeds it took | the same seeds without it |");
    println!("|---|---|---|---|");
    for (bug, caught) in caught {
        match caught {
            Some(Caught { seed, broken }) => {
                let bad = unsound.iter().filter(|it| *it <= seed).count();
                let clean = if bad == 0 { "hold".to_owned() } else { format!("{bad} do not hold") };
                println!("| {} | {broken} | {} | {clean} |", bug.name(), seed + 1);
            }
            None => println!("| {} | nothing | more than {MOST} | - |", bug.name()),
        }
    }
}

/// `MILENA_BUG=TwoCallsOfAKey MILENA_SEED=0` says which; by default a bug that takes faults to show.
#[test]
fn a_seed_that_fails_shrinks_to_what_it_takes() {
    let name = env::var("MILENA_BUG").unwrap_or_else(|_| "UnknownIsAborted".to_owned());
    let bug = *Bug::ALL.iter().find(|it| it.name() == name).expect("the name of a bug");
    let seed = env::var("MILENA_SEED").ok().map(|seed| seed.parse().expect("the number of a seed"));
    let seed = seed.or_else(|| catch(bug).map(|it| it.seed)).expect("a seed in which it shows");

    let plan = Plan::of(seed);
    let done = run_with(bug, &plan);
    let first = done.broken.first().expect("it shows").invariant;
    let again = run_with(bug, &plan);
    assert_eq!(done.history.entries(), again.history.entries(), "the seed is one history");

    let smaller = with(bug, || shrink::shrink(plan.clone(), |plan| shrink::breaks(plan, first)));
    println!("{name}, MILENA_SEED={seed}\n{}", with(bug, || shrink::report(&plan, &done)));
    assert!(smaller.faults.len() < plan.faults.len() || plan.faults.len() < 2);
    assert!(smaller.records.len() < plan.records.len());
    assert!(run(&smaller).broken.is_empty(), "without the bug it holds");
}
