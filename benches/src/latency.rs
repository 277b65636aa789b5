//! How long a record takes from the program that made it to the handler.

use crate::{
    client,
    job::{Job, Seen},
    milena, reference,
};
use ::milena::Record;
use anyhow::Context;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How many records are produced, one each 5 ms.
pub const RECORDS: u64 = 1200;
/// How many of them are left out: the group is being joined.
const WARM_UP: usize = 400;
const EACH: Duration = Duration::from_millis(5);

/// Produces records that say when they were made.
pub fn feed(topic: &str) -> anyhow::Result<()> {
    let producer: ThreadedProducer<DefaultProducerContext> =
        client::producer()?.set("linger.ms", "0").create()?;
    for _ in 0..RECORDS {
        let made = now().to_string();
        let record = BaseRecord::<(), str>::to(topic).payload(&made);
        producer.send(record).map_err(|(error, _)| error)?;
        std::thread::sleep(EACH);
    }
    Ok(producer.flush(Duration::from_secs(10))?)
}

/// As a service of Milena.
pub async fn milena(topic: &str) -> anyhow::Result<Seen> {
    let (job, taken) = (Arc::new(Job::new(RECORDS)), Arc::<Mutex<Vec<f64>>>::default());
    let (done, seen) = (job.clone(), taken.clone());
    let handler = move |record: Record| {
        note(&seen, record.value().unwrap_or_default());
        done.handled(1);
        std::future::ready(())
    };
    let end = job.clone();
    milena::run(topic, handler, async move { end.done().await }).await?;
    figures(&job, &taken)
}

/// As a loop over a `StreamConsumer`.
pub async fn stream(topic: &str) -> anyhow::Result<Seen> {
    let (job, taken) = (Job::new(RECORDS), Mutex::default());
    reference::stream::each(topic, |value| {
        note(&taken, value);
        job.handled(1);
        Ok(job.count() < RECORDS)
    })
    .await?;
    figures(&job, &taken)
}

fn note(taken: &Mutex<Vec<f64>>, value: &[u8]) {
    let made: Option<u128> = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    let micros = now().saturating_sub(made.unwrap_or_default());
    taken.lock().expect("nobody panics with it").push(micros as f64 / 1000.0);
}

fn figures(job: &Job, taken: &Mutex<Vec<f64>>) -> anyhow::Result<Seen> {
    let mut taken = taken.lock().expect("nobody panics with it").split_off(WARM_UP);
    taken.sort_by(f64::total_cmp);
    let at = |share: f64| taken[(taken.len() as f64 * share) as usize];
    let seen = job.seen().context("the job did not end")?;
    Ok(Seen { figures: vec![("p50 ms".into(), at(0.5)), ("p99 ms".into(), at(0.99))], ..seen })
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}
