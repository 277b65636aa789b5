//! What the service did, for a person to read.

use crate::billing::{Counts, DEAD_LETTERS, GROUP, INVOICES, ORDERS};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use milena::{Memory, Record};
use std::{
    io::IsTerminal,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

/// A bar for so many orders, when somebody looks.
pub(crate) fn progress(orders: u64) -> ProgressBar {
    let target = if std::io::stdout().is_terminal() {
        ProgressDrawTarget::stdout()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} orders, {per_sec}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(orders), target).with_style(style)
}

/// Waits until the service has committed every order, and says how long the work itself took.
pub(crate) async fn until_billed(
    broker: &Memory,
    counts: &Counts,
    progress: &ProgressBar,
) -> Duration {
    let written = |topic| -> i64 {
        (0..broker.partitions(topic)).map(|partition| broker.end(topic, partition)).sum()
    };
    let (orders, started, mut took) = (written(ORDERS).unsigned_abs(), Instant::now(), None);
    loop {
        let changed = broker.changed();
        let done = counts.billed.load(Relaxed)
            + counts.tombstones.load(Relaxed)
            + written(DEAD_LETTERS).unsigned_abs();
        progress.set_position(done);
        if done >= orders {
            took.get_or_insert_with(|| started.elapsed());
        }
        if broker.lag(GROUP, ORDERS) == 0 {
            return took.unwrap_or_else(|| started.elapsed());
        }
        changed.await;
    }
}

pub(crate) fn summary(broker: &Memory, counts: &Counts, took: Duration) {
    let (invoices, letters) = (broker.records(INVOICES), broker.records(DEAD_LETTERS));
    println!("\nA few invoices:");
    invoices
        .iter()
        .take(3)
        .for_each(|invoice| println!("  {}", described(invoice, "milena-source")));
    println!("A few dead letters:");
    letters
        .iter()
        .take(3)
        .for_each(|letter| println!("  {}", described(letter, "milena-dead-letter-error")));
    println!();
    self::counts(counts);
    let orders = broker.records(ORDERS).len();
    let rate = orders as f64 / took.as_secs_f64();
    println!(
        "{orders} orders: {} invoices, {} dead letters, in {took:.1?}: {rate:.0} orders a second",
        invoices.len(),
        letters.len()
    );
}

pub(crate) fn counts(counts: &Counts) {
    println!(
        "{} orders billed, {} tombstones skipped",
        counts.billed.load(Relaxed),
        counts.tombstones.load(Relaxed)
    );
}

/// The place, the value, and a header of a record.
fn described(record: &Record, header: &str) -> String {
    let text = |bytes: Option<&[u8]>| {
        bytes.map_or("null".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let (topic, partition, offset) = (record.topic(), record.partition(), record.offset());
    format!(
        "{topic}/{partition}/{offset} {} ({})",
        text(record.value()),
        text(record.headers().get(header))
    )
}
