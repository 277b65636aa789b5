//! What the measurements come to.

use crate::{
    job::Seen,
    scenario::{Contender, Scenario, name},
};
use std::fmt::Write;

/// The rounds of one contender in a scenario.
#[derive(Clone, Debug)]
pub struct Rounds {
    pub contender: Contender,
    pub seen: Vec<Seen>,
}

/// The median, the least and the most of some figures.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<_> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (figures.first(), figures.last()) else {
            return Self { median: f64::NAN, least: f64::NAN, most: f64::NAN };
        };
        Self { median: figures[figures.len() / 2], least: *least, most: *most }
    }
}

impl Rounds {
    fn rate(&self) -> Spread {
        Spread::of(self.seen.iter().map(Seen::rate))
    }

    fn cpu(&self) -> Spread {
        Spread::of(self.seen.iter().map(Seen::cpu_per_million))
    }

    /// Each figure that the rounds have beside the rate.
    fn figures(&self) -> Vec<(String, Spread)> {
        let names = self.seen.first().map(|seen| &seen.figures[..]).unwrap_or_default();
        let figure = |i: usize| Spread::of(self.seen.iter().map(|seen| seen.figures[i].1));
        names.iter().enumerate().map(|(i, (name, _))| (name.clone(), figure(i))).collect()
    }
}

/// The lines that a scenario prints: a line for each contender, and one for each ratio.
pub fn lines(scenario: Scenario, rounds: &[Rounds]) -> String {
    let mut text = String::new();
    for it in rounds {
        let (who, rate, cpu) = (name(it.contender), it.rate(), it.cpu());
        if it.figures().is_empty() || scenario == Scenario::Many {
            let _ = writeln!(
                text,
                "{who:16} {:.3} M records/s ({:.3} to {:.3}), {:.2} CPU s/M ({:.2} to {:.2})",
                rate.median, rate.least, rate.most, cpu.median, cpu.least, cpu.most
            );
        }
        for (figure, spread) in it.figures() {
            let _ = writeln!(
                text,
                "{who:16} {figure}: {:.2} ({:.2} to {:.2})",
                spread.median, spread.least, spread.most
            );
        }
    }
    match scenario {
        Scenario::Slow => seconds(&mut text, rounds),
        Scenario::Many => cost(&mut text, rounds),
        _ => {
            for (what, reference, ratio) in ratios(scenario, rounds) {
                let _ = writeln!(text, "RATIO {what}/{reference} {ratio:.2}");
            }
        }
    }
    text
}

/// How long each took.
fn seconds(text: &mut String, rounds: &[Rounds]) {
    for it in rounds {
        let taken = Spread::of(it.seen.iter().map(|seen| seen.seconds)).median;
        let _ = writeln!(text, "SECONDS slow/{} {taken:.3}", name(it.contender));
    }
}

/// What a record costs with many partitions, in terms of what it costs in `consume` (less is better), and
/// the share of a core that an idle consumer takes.
fn cost(text: &mut String, rounds: &[Rounds]) {
    let [many, consume, ..] = rounds else { return };
    let ratio = consume.rate().median / many.rate().median;
    let _ = writeln!(text, "RATIO many/consume {ratio:.2} (what a record costs: less is better)");
    for (_, idle) in many.figures() {
        let _ = writeln!(text, "PERCENT many/idle {:.2}", idle.median);
    }
}

/// How Milena compares with each reference; above 1 is better.
fn ratios(scenario: Scenario, rounds: &[Rounds]) -> Vec<(String, String, f64)> {
    let Some((milena, references)) = rounds.split_first() else { return Vec::new() };
    let mut ratios = Vec::new();
    for reference in
        references.iter().filter(|_| !matches!(scenario, Scenario::Slow | Scenario::Many))
    {
        let (what, of) = (name(scenario), name(reference.contender));
        if milena.figures().is_empty() {
            ratios.push((what, of, milena.rate().median / reference.rate().median));
            continue;
        }
        for ((figure, ours), (_, theirs)) in milena.figures().iter().zip(reference.figures()) {
            // A time is better when it is shorter.
            ratios.push((compared(scenario, figure), of.clone(), theirs.median / ours.median));
        }
    }
    ratios
}

/// What a figure is called in a ratio: what a request takes is its median.
fn compared(scenario: Scenario, figure: &str) -> String {
    match (scenario, figure.split(' ').next().unwrap_or_default()) {
        (Scenario::Request, "p50") => name(scenario),
        (_, part) => format!("{}-{part}", name(scenario)),
    }
}

/// The table of all scenarios.
pub fn table(machine: &str, all: &[(Scenario, Vec<Rounds>)]) -> String {
    let mut text = format!("Measured on {machine}.\n\n");
    text += "| scenario | who | median | least to most | CPU s/M | ratio |\n|---|---|---|---|---|---|\n";
    for (scenario, rounds) in all {
        for it in rounds {
            row(&mut text, *scenario, rounds, it);
        }
    }
    text
}

fn row(text: &mut String, scenario: Scenario, rounds: &[Rounds], it: &Rounds) {
    let ratio = |figure: Option<&str>| {
        let what = figure.map_or_else(|| name(scenario), |figure| compared(scenario, figure));
        let of = name(it.contender);
        let ratio =
            ratios(scenario, rounds).into_iter().find(|ratio| ratio.0 == what && ratio.1 == of);
        ratio.map(|ratio| format!("{:.2}", ratio.2)).unwrap_or_default()
    };
    let (scenario, who) = (name(scenario), name(it.contender));
    if it.figures().is_empty() || scenario == name(Scenario::Many) {
        let (rate, cpu) = (it.rate(), it.cpu());
        let _ = writeln!(
            text,
            "| {scenario} | {who} | {:.3} M/s | {:.3} to {:.3} | {:.2} | {} |",
            rate.median,
            rate.least,
            rate.most,
            cpu.median,
            ratio(None)
        );
    }
    for (figure, spread) in it.figures() {
        let _ = writeln!(
            text,
            "| {scenario} | {who} | {figure}: {:.2} | {:.2} to {:.2} | | {} |",
            spread.median,
            spread.least,
            spread.most,
            ratio(Some(&figure))
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(contender: Contender, seconds: &[f64]) -> Rounds {
        let seen = |seconds: &f64| Seen {
            records: 1_000_000,
            seconds: *seconds,
            cpu: 2.0,
            figures: Vec::new(),
        };
        Rounds { contender, seen: seconds.iter().map(seen).collect() }
    }

    #[test]
    fn a_ratio_is_of_medians_and_above_one_when_milena_is_faster() {
        let rounds =
            [rounds(Contender::Milena, &[1.0, 9.0, 2.0]), rounds(Contender::Raw, &[4.0, 4.0, 1.0])];

        let lines = lines(Scenario::Consume, &rounds);

        assert!(lines.contains("RATIO consume/raw 2.00"), "{lines}");
        assert!(
            lines.contains("milena           0.500 M records/s (0.111 to 1.000), 2.00 CPU s/M"),
            "{lines}"
        );
    }

    #[test]
    fn what_takes_its_time_is_told_in_seconds() {
        let lines = lines(
            Scenario::Slow,
            &[rounds(Contender::ByKey, &[0.1, 0.3, 0.2]), rounds(Contender::Unordered, &[0.05])],
        );

        assert!(lines.contains("SECONDS slow/by-key 0.200"), "{lines}");
        assert!(lines.contains("SECONDS slow/unordered 0.050"), "{lines}");
        assert!(!lines.contains("RATIO"), "{lines}");
    }

    #[test]
    fn many_partitions_cost_so_many_times_what_few_do() {
        let mut many = rounds(Contender::Milena, &[1.5]);
        many.seen[0].figures = vec![("idle %".into(), 1.25)];

        let lines = lines(Scenario::Many, &[many, rounds(Contender::Consume, &[1.0])]);

        assert!(lines.contains("RATIO many/consume 1.50 "), "{lines}");
        assert!(lines.contains("PERCENT many/idle 1.25"), "{lines}");
    }

    #[test]
    fn a_shorter_time_is_a_better_one() {
        let latency = lines(
            Scenario::Latency,
            &[timed(Contender::Milena, 0.5), timed(Contender::StreamConsumer, 1.0)],
        );

        assert!(latency.contains("RATIO latency-p50/stream-consumer 2.00"), "{latency}");
    }

    #[test]
    fn a_request_is_compared_by_its_median_and_then_by_the_slowest() {
        let rounds = [timed(Contender::Milena, 2.0), timed(Contender::ByHand, 1.0)];
        let lines = lines(Scenario::Request, &rounds);

        assert!(lines.contains("RATIO request/by-hand 0.50\nRATIO request-p99/by-hand 0.50\n"));
        let table = table("m", &[(Scenario::Request, rounds.to_vec())]);
        assert!(table.contains("| p50 ms: 1.00 | 1.00 to 1.00 | | 0.50 |"), "{table}");
    }

    /// One round that took so long, and the slowest of it ten times that.
    fn timed(contender: Contender, p50: f64) -> Rounds {
        let mut rounds = rounds(contender, &[1.0]);
        rounds.seen[0].figures = vec![("p50 ms".into(), p50), ("p99 ms".into(), p50 * 10.0)];
        rounds
    }
}
