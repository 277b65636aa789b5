//! Instances that answer are killed; each question gets its own answer or times out, and none a wrong one.

use super::{Running, SOON, answerer::Answerer, asker};
use crate::kit::{STUCK, kafka, topic, unique};
use milena::{Publisher, error::ErrorKind};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::{sync::Semaphore, task::JoinSet};

/// How many each instance that asks has in flight.
const IN_FLIGHT: usize = 200;

/// How many requests there are: `MILENA_ACCEPTANCE=1` is ten times as many.
fn requests() -> u64 {
    let long = std::env::var_os("MILENA_ACCEPTANCE").is_some_and(|value| value == "1");
    if long { 10_000 } else { 1_000 }
}

/// What became of the requests.
#[derive(Default)]
struct Tally {
    answered: AtomicUsize,
    timed_out: AtomicUsize,
    wrong: AtomicUsize,
    /// The next number to ask with.
    next: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_survive_the_death_of_one_who_answers() {
    let Some(kafka) = kafka() else { return };
    let (questions, answers) =
        (topic(&kafka, "questions", 6).await, topic(&kafka, "answers", 3).await);
    let group = unique("answerers");
    let mut answering: Vec<_> = (0..3).map(|_| Answerer::start(&group, &questions)).collect();
    let mut asking = Vec::new();
    for _ in 0..2 {
        asking.push(asker(&kafka, &questions, &answers).await);
    }
    let names = answering.iter().map(Answerer::name).collect();
    tokio::time::timeout(STUCK, all_answer(&asking[0].1, names)).await.expect("three answer");

    let tally = Arc::new(Tally::default());
    let mut all = JoinSet::new();
    for (_, publisher) in &asking {
        all.spawn(ask(publisher.clone(), tally.clone()));
    }
    while tally.answered.load(SeqCst) < requests() as usize / 2 {
        tokio::task::yield_now().await;
    }
    answering.remove(1).kill();
    let before = tally.answered.load(SeqCst);
    while all.join_next().await.transpose().unwrap().is_some() {}

    let [answered, timed_out, wrong] =
        [&tally.answered, &tally.timed_out, &tally.wrong].map(|it| it.load(SeqCst));
    println!(
        "3 answering, 2 asking, {} requests, one of those answering killed after {before}: \
         answered {answered}, timed out {timed_out}, wrong {wrong}",
        requests()
    );
    assert_eq!(wrong, 0);
    assert_eq!((answered + timed_out) as u64, requests());
    assert!((before as u64) < requests() && answered > before, "it was killed in the middle");
    for (service, _) in asking {
        Running::stop(service).await;
    }
}

/// Asks until each of these has answered.
async fn all_answer(publisher: &Publisher<()>, mut names: BTreeSet<String>) {
    while !names.is_empty() {
        if let Ok(answer) = publisher.request::<String>("0", SOON).await {
            names.remove(answer.split_once(' ').expect("a number and a name").1);
        }
    }
}

/// Asks, many at once, until nothing is left to ask.
async fn ask(publisher: Publisher<()>, tally: Arc<Tally>) {
    let room = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut asked = JoinSet::new();
    loop {
        let place = room.clone().acquire_owned().await.unwrap();
        let number = tally.next.fetch_add(1, SeqCst);
        if number >= requests() {
            break;
        }
        let (publisher, tally) = (publisher.clone(), tally.clone());
        asked.spawn(async move {
            let answer = publisher.request::<String>(number.to_string(), SOON).await;
            let right = (number * 2).to_string();
            match answer {
                Ok(answer) if answer.split_once(' ').is_some_and(|it| it.0 == right) => {
                    tally.answered.fetch_add(1, SeqCst);
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    tally.timed_out.fetch_add(1, SeqCst);
                }
                other => {
                    println!("{number} was answered with {other:?}");
                    tally.wrong.fetch_add(1, SeqCst);
                }
            }
            drop(place);
        });
    }
    while asked.join_next().await.transpose().unwrap().is_some() {}
}
