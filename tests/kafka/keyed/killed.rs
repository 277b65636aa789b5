//! Processes that are killed: what they left is done by the others, and only what was not committed comes again.

use super::{
    PARTITIONS,
    calls::{self, At, Call},
    client, committed, length, wait_until_done,
    worker::{Worker, nanos},
    write,
};
use crate::kit::{kafka, topic, unique};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// A killed member is missed after its session.
const OPTIONS: &[(&str, &str)] =
    &[("session.timeout.ms", "1000"), ("heartbeat.interval.ms", "300")];

/// What was committed when a process was dead, and when that was known.
struct Death {
    at: u64,
    committed: HashMap<i32, i64>,
}

/// A call, and when it was over at the latest.
type Over = (Call, u64);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_are_killed_lose_nothing_and_what_was_committed_does_not_come_again() {
    let Some(kafka) = kafka() else { return };
    let (group, source) = (unique("killed"), topic(&kafka, "killed", PARTITIONS).await);
    let dir = std::env::temp_dir().join(&*unique("killed-calls"));
    std::fs::create_dir_all(&dir).unwrap();
    let log = |number: usize| dir.join(format!("{number}.log"));
    let start = |number| Worker::start(&group, &source, OPTIONS, &log(number));
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write(kafka.clone(), source.clone(), stop.clone()));
    let mut workers: Vec<_> = (0..3).map(start).collect();
    let (mut number, mut ends, mut deaths) = (3, HashMap::new(), Vec::new());
    let (client, begin) = (client(&group), Instant::now());
    while begin.elapsed() < length() {
        tokio::time::sleep(Duration::from_secs(2)).await;
        // Not at random, so that each has lived for a while, and another one each time.
        let victim = workers.remove(number % 3);
        ends.insert(victim.kill(), nanos());
        let committed = committed(&client, &source);
        deaths.push(Death { at: nanos(), committed });
        workers.push(start(number));
        number += 1;
    }
    stop.store(true, SeqCst);
    let written = writing.await.unwrap();
    wait_until_done(&group, &source).await;
    for worker in workers {
        tokio::task::spawn_blocking(|| worker.terminate()).await.unwrap();
    }

    let calls: Vec<Over> = (0..number).flat_map(|it| over(&log(it), &ends)).collect();
    let again = calls.len() - calls.iter().map(|(call, _)| call.at).collect::<BTreeSet<_>>().len();
    println!("{} records, {} times SIGKILL: lost 0, {again} again", written.len(), deaths.len());
    assert_eq!(lost(&calls, &written), 0);
    assert!(again > 0, "nobody was killed at work");
    check_keys(&calls);
    deaths.iter().for_each(|death| check_commits(&calls, death));
    std::fs::remove_dir_all(dir).unwrap();
}

/// The calls of a process. What it was killed in was over then.
fn over(log: &Path, ends: &HashMap<std::path::PathBuf, u64>) -> Vec<Over> {
    let over = |call: Call| {
        let over = call.end.or(ends.get(log).copied()).expect("who ends well ends its calls");
        (call, over)
    };
    calls::read(&[log]).into_iter().map(over).collect()
}

fn lost(calls: &[Over], written: &BTreeSet<At>) -> usize {
    let ended: BTreeSet<_> =
        calls.iter().filter(|(call, _)| call.end.is_some()).map(|(call, _)| call.at).collect();
    written.difference(&ended).count()
}

/// Two calls of a key never overlap, and its records come to their first end in order.
fn check_keys(calls: &[Over]) {
    let mut keys: BTreeMap<(i32, &str), Vec<&Over>> = BTreeMap::new();
    for call in calls {
        keys.entry((call.0.at.0, &call.0.key)).or_default().push(call);
    }
    for (key, calls) in &mut keys {
        calls.sort_by_key(|(call, _)| call.start);
        for pair in calls.windows(2) {
            assert!(pair[1].0.start >= pair[0].1, "{key:?} overlaps: {pair:?}");
        }
        let mut firsts = BTreeMap::new();
        for (call, _) in calls.iter() {
            if let Some(end) = call.end {
                firsts.entry(call.at.1).or_insert(end);
            }
        }
        let firsts: Vec<_> = firsts.into_values().collect();
        assert!(firsts.is_sorted(), "{key:?} is done in another order: {firsts:?}");
    }
}

/// What was committed was done, and did not come again.
fn check_commits(calls: &[Over], death: &Death) {
    let mut done = BTreeSet::new();
    for (call, _) in calls {
        let committed = call.at.1 < death.committed[&call.at.0];
        assert!(!committed || call.start <= death.at, "{call:?} was committed, and came again");
        if call.end.is_some_and(|end| end <= death.at) {
            done.insert(call.at);
        }
    }
    for (partition, committed) in &death.committed {
        let first = (0..*committed).find(|offset| !done.contains(&(*partition, *offset)));
        assert_eq!(first, None, "{partition} was committed to {committed} before it was done");
    }
}
