//! Counts the allocations that a record costs: a scenario with a counting allocator, which the measured
//! program must not have because it takes time.
#![expect(clippy::print_stdout, reason = "this is a program")]

use clap::Parser;
use milena_bench::scenario::{Contender, Scenario};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Parser)]
struct Args {
    contender: Contender,
    /// One that reads the payments.
    #[arg(default_value = "consume")]
    scenario: Scenario,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { contender, scenario } = Args::parse();
    scenario.prepare("").await?;
    let region = Region::new(COUNTING);
    let seen = scenario.measure(contender, "").await?;
    let counted = region.change();
    println!("{:.3}", (counted.allocations + counted.reallocations) as f64 / seen.records as f64);
    // What clients still have open ends with the process.
    std::process::exit(0);
}
