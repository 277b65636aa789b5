//! What a slow handler on a large backlog holds in memory.

use crate::{job::Seen, machine, milena, topics::BACKLOG};
use ::milena::Record;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

const SECONDS: u64 = 60;
const WORK: Duration = Duration::from_millis(10);

/// The resident memory of a service whose handler takes 10 ms a record, second by second.
pub async fn slow() -> anyhow::Result<Seen> {
    let handled = Arc::new(AtomicU64::new(0));
    let counted = handled.clone();
    let handler = move |_: Record| {
        let counted = counted.clone();
        async move {
            tokio::time::sleep(WORK).await;
            counted.fetch_add(1, Relaxed);
        }
    };
    let sampling = tokio::spawn(async {
        let mut samples = Vec::new();
        for _ in 0..SECONDS {
            tokio::time::sleep(Duration::from_secs(1)).await;
            samples.push(machine::resident());
        }
        samples
    });
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let stop = async move { drop(ended.await) };
    let sampled = async move {
        let samples = sampling.await;
        drop(end);
        samples
    };
    let (served, samples) = tokio::join!(milena::run(BACKLOG.name, handler, stop), sampled);
    served?;
    let samples = samples?;
    let at = |second: usize| (format!("MiB after {second} s"), samples[second - 1]);
    let most = ("most MiB".to_owned(), samples.iter().copied().fold(0.0, f64::max));
    let figures = vec![at(5), at(20), at(40), at(60), most];
    Ok(Seen { records: handled.load(Relaxed), seconds: SECONDS as f64, cpu: 0.0, figures })
}
