//! Many partitions and subscriptions on one consumer, at work and idle.

use crate::{
    client,
    job::{self, Seen},
    milena::{handled_all, look, seen},
    payload, reference,
    topics::{self, PAYMENTS},
};
use anyhow::bail;
use milena::{Kafka, Router, each};
use std::time::{Duration, Instant};

const TOPICS: u64 = 200;
const PARTITIONS: i32 = 10;
/// How many records a topic holds.
const EACH: u64 = PAYMENTS.records / TOPICS;
/// How long the service is left alone before it is looked at, and how long it is looked at.
const REST: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_secs(10);

fn topic(number: u64) -> String {
    format!("bench-many-{number:03}")
}

/// Makes the topics, and fills them one after the other.
pub async fn prepare() -> anyhow::Result<()> {
    let names: Vec<_> = (0..TOPICS).map(topic).collect();
    topics::create_all(&names, PARTITIONS).await?;
    match [0, TOPICS - 1].map(|number| topics::held(&topic(number), PARTITIONS)) {
        [Ok(EACH), Ok(EACH)] => Ok(()),
        [Ok(0), Ok(0)] => {
            eprintln!("filling {TOPICS} topics with {EACH} records each");
            topics::produce(PAYMENTS.records, |id| {
                (topic(id / EACH), payload::key(id), payload::value(id, PAYMENTS.bytes))
            })
        }
        held => bail!("the topics {} and so on are not full: {held:?}; delete them", topic(0)),
    }
}

/// The records of all, and then what the service takes when there is nothing to do.
pub async fn consume() -> anyhow::Result<Seen> {
    let router = (0..TOPICS).fold(Router::new(client::group()), |router, number| {
        router.subscribe(topic(number), each(look))
    });
    let (tell, told) = tokio::sync::oneshot::channel();
    let watched = async move {
        handled_all().await;
        tokio::time::sleep(REST).await;
        let (before, start) = (job::cpu(), Instant::now());
        tokio::time::sleep(LOOK).await;
        let share = (job::cpu() - before) / start.elapsed().as_secs_f64();
        // Whoever waits for it is this function.
        let _ = tell.send(share * 100.0);
    };
    milena::serve(Kafka::new(client::brokers()?), router).with_shutdown(watched).await?;
    Ok(Seen { figures: vec![("idle %".into(), told.await?)], ..seen()? })
}

/// The records of all, by hand: what librdkafka takes for many partitions.
pub async fn by_hand() -> anyhow::Result<Seen> {
    let names: Vec<_> = (0..TOPICS).map(topic).collect();
    reference::raw::consume(&names.iter().map(String::as_str).collect::<Vec<_>>()).await
}
