//! How long a question takes over one topic to who answers, and over another back.

use crate::{client, job::Seen};
use anyhow::Context;
use milena::{
    Kafka, Publisher, Router, each, error::ErrorKind, publish, transport::ProducerConfig,
};
use std::time::{Duration, Instant};

/// How many questions are asked, one after the other.
pub const REQUESTS: usize = 1200;
/// How many of them are left out: the group is being joined.
const WARM_UP: usize = 400;
/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The topic of the answers to what is asked in `questions`.
pub fn answers(questions: &str) -> String {
    format!("{questions}-answers")
}

/// As two services of Milena.
pub async fn milena(questions: &str) -> anyhow::Result<Seen> {
    let kafka = Kafka::new(client::brokers()?)
        .producer_config(ProducerConfig::new().linger(Duration::ZERO));
    let echo = each(async |question: String| question).answer();
    let answering = Router::new(client::group()).subscribe(questions, echo);
    let mut asking = Router::new("asker");
    let publisher = asking.publisher(publish(questions).reply_to(answers(questions)));
    let answering = tokio::spawn(milena::serve(kafka.clone(), answering).into_future());
    let asking = tokio::spawn(milena::serve(kafka, asking).into_future());
    let seen = measure(async |number| ask(&publisher, number).await).await;
    answering.abort();
    asking.abort();
    seen
}

async fn ask(publisher: &Publisher<()>, number: usize) -> anyhow::Result<String> {
    loop {
        match publisher.request::<String>(number.to_string(), PATIENCE).await {
            // The service begins beside this.
            Err(error) if error.kind() == ErrorKind::NotRunning => tokio::task::yield_now().await,
            answer => return Ok(answer?),
        }
    }
}

/// Asks one question after the other, and says how long they took.
pub async fn measure(
    mut ask: impl AsyncFnMut(usize) -> anyhow::Result<String>,
) -> anyhow::Result<Seen> {
    let (mut taken, start) = (Vec::new(), Instant::now());
    let cpu = crate::job::cpu();
    for number in 0..REQUESTS {
        let asked = Instant::now();
        let answer = ask(number).await?;
        taken.push(asked.elapsed().as_secs_f64() * 1000.0);
        anyhow::ensure!(answer == number.to_string(), "{number} was answered with {answer}");
    }
    let mut taken = taken.split_off(WARM_UP);
    taken.sort_by(f64::total_cmp);
    let at = |share: f64| taken.get((taken.len() as f64 * share) as usize).copied();
    let (p50, p99) = at(0.5).zip(at(0.99)).context("nothing was asked")?;
    Ok(Seen {
        records: REQUESTS as u64,
        seconds: start.elapsed().as_secs_f64(),
        cpu: crate::job::cpu() - cpu,
        figures: vec![("p50 ms".into(), p50), ("p99 ms".into(), p99)],
    })
}
