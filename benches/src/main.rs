//! `cargo run --release -p milena-bench -- SCENARIO`, with `KAFKA_BROKERS` set.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program")]

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use milena_bench::{
    client,
    job::Seen,
    latency, machine,
    machine::PinnedBroker,
    report::{self, Rounds},
    scenario::{Contender, Scenario, name},
};
use std::{
    env,
    process::{Child, Command, Stdio},
};

/// Measures Milena on a real Kafka, in turn with loops written by hand.
#[derive(Parser)]
enum Args {
    #[command(flatten)]
    One(Scenario),
    /// All of them, and the table.
    All,
    /// Measures one round in this process (what `run` starts).
    #[command(hide = true)]
    Round { scenario: Scenario, contender: Contender, unique: String },
    /// Produces the records of `latency` (what `run` starts).
    #[command(hide = true)]
    Feed { topic: String },
}

fn main() -> anyhow::Result<()> {
    match Args::parse() {
        Args::One(scenario) => run(&[scenario]).map(drop),
        Args::All => tabulate(&run(Scenario::value_variants())?),
        Args::Round { scenario, contender, unique } => {
            machine::pin(machine::CLIENT);
            let seen = runtime()?.block_on(scenario.measure(contender, &unique))?;
            println!("{}", serde_json::to_string(&seen)?);
            // What clients still have open ends with the process.
            std::process::exit(0);
        }
        Args::Feed { topic } => {
            machine::pin(machine::BROKER);
            latency::feed(&topic)
        }
    }
}

/// Measures scenarios one after the other, and says what each comes to.
fn run(scenarios: &[Scenario]) -> anyhow::Result<Vec<(Scenario, Vec<Rounds>)>> {
    let brokers = client::brokers()?;
    let broker = PinnedBroker::new();
    let apart = if broker.is_pinned() { "the broker on another" } else { "the broker not pinned" };
    println!("{}; client on one core, {apart}; {brokers}", machine::describe());
    let mut all = Vec::new();
    for scenario in scenarios {
        println!("\n{}", name(*scenario));
        let rounds = measure(*scenario)?;
        print!("{}", report::lines(*scenario, &rounds));
        all.push((*scenario, rounds));
    }
    Ok(all)
}

/// Writes the table of all scenarios.
fn tabulate(all: &[(Scenario, Vec<Rounds>)]) -> anyhow::Result<()> {
    let table = report::table(&machine::describe(), all);
    let file = "target/bench.md";
    std::fs::write(file, &table).with_context(|| format!("could not write {file}"))?;
    println!("\n{table}\nThe table is in {file}.");
    Ok(())
}

/// All rounds of a scenario, the contenders in turn.
fn measure(scenario: Scenario) -> anyhow::Result<Vec<Rounds>> {
    let empty = |contender: &Contender| Rounds { contender: *contender, seen: Vec::new() };
    let mut rounds: Vec<_> = scenario.contenders().iter().map(empty).collect();
    for round in 0..scenario.rounds() {
        for it in &mut rounds {
            let unique =
                format!("bench-{}-{}-{}", name(scenario), name(it.contender), client::group());
            runtime()?.block_on(scenario.prepare(&unique))?;
            let seen = one_round(scenario, it.contender, &unique)?;
            eprintln!(
                "round {} {:16} {:.3} M/s, {:.2} CPU s/M",
                round + 1,
                name(it.contender),
                seen.rate(),
                seen.cpu_per_million()
            );
            it.seen.push(seen);
        }
    }
    if scenario == Scenario::Memory {
        rounds = rounds.into_iter().map(with_allocations).collect::<anyhow::Result<_>>()?;
        let reference = Contender::Raw;
        let of_raw = allocations(reference, Scenario::Consume)?;
        println!("{:16} allocations a record: {of_raw:.2}", name(reference));
        println!(
            "the bound: queued.max.messages.kbytes (8 MiB), once for what is read, and for each partition"
        );
        println!("that is held back once in its queue and once in its lane");
    }
    if matches!(scenario, Scenario::Keyed | Scenario::Unordered) {
        for it in &rounds {
            let each = allocations(it.contender, scenario)?;
            println!("{:16} allocations a record: {each:.2}", name(it.contender));
        }
    }
    Ok(rounds)
}

/// The rounds with one more figure: the allocations that a record costs, payload included.
fn with_allocations(mut rounds: Rounds) -> anyhow::Result<Rounds> {
    let allocations = allocations(rounds.contender, Scenario::Consume)?;
    rounds
        .seen
        .iter_mut()
        .for_each(|seen| seen.figures.push(("allocations a record".into(), allocations)));
    Ok(rounds)
}

/// Asks the program that counts them, which is another one because counting takes time.
fn allocations(contender: Contender, scenario: Scenario) -> anyhow::Result<f64> {
    let program =
        ["run", "--quiet", "--release", "--package", "milena-bench", "--bin", "allocations", "--"];
    let output = Command::new(env!("CARGO"))
        .args(program)
        .args([name(contender), name(scenario)])
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .with_context(|| format!("could not count the allocations of {}: {text}", name(contender)))
}

fn one_round(scenario: Scenario, contender: Contender, unique: &str) -> anyhow::Result<Seen> {
    let child = this_program(&["round", &name(scenario), &name(contender), unique])?;
    let feeder =
        (scenario == Scenario::Latency).then(|| this_program(&["feed", unique])).transpose()?;
    let output = child.wait_with_output()?;
    if let Some(mut feeder) = feeder {
        feeder.wait()?;
    }
    if !output.status.success() {
        bail!("{} of {} ended with {}", name(contender), name(scenario), output.status);
    }
    serde_json::from_slice(&output.stdout).context("a round printed something else than its result")
}

fn this_program(args: &[&str]) -> anyhow::Result<Child> {
    Ok(Command::new(env::current_exe()?).args(args).stdout(Stdio::piped()).spawn()?)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
