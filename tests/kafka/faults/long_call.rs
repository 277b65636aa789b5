use super::{
    service::{Service, until, write},
    view::View,
};
use crate::kit::{kafka, topic, unique};
use milena::{
    Record, Router, State, by_key, each,
    router::{Rebalance, on_assigned, on_lost},
};
use milena_core::{ProducerRecord, error::BoxError};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

const POLL: Duration = Duration::from_secs(4);
const LONG: Duration = Duration::from_secs(12);
const OTHERS: usize = 40;

/// A call: the number and the key of its record, when it began and when it ended.
type Call = (usize, String, Instant, Instant);

#[derive(Clone, Default)]
struct Seen {
    calls: Arc<Mutex<Vec<Call>>>,
    begun: Arc<AtomicUsize>,
    moves: Arc<AtomicUsize>,
}

async fn work(record: Record, State(seen): State<Seen>) {
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    let (key, number, start) = (text(record.key()), text(record.value()), Instant::now());
    seen.begun.fetch_add(1, SeqCst);
    let long = number == "0";
    tokio::time::sleep(if long { LONG } else { Duration::from_millis(20) }).await;
    let call = (number.parse().unwrap(), key, start, Instant::now());
    seen.calls.lock().unwrap().push(call);
}

/// Records with numbers: the first, and the last of the first half, have the key `long`.
fn records(topic: &Arc<str>, numbers: std::ops::Range<usize>) -> Vec<ProducerRecord> {
    let record = |number: usize| {
        let long = number == 0 || number == OTHERS / 2 - 1;
        let key = if long { "long".to_owned() } else { format!("k{}", number % 7) };
        let partition = if long { 0 } else { i32::from(number.is_multiple_of(2)) };
        ProducerRecord::new(topic.clone()).partition(partition).key(key).value(number.to_string())
    };
    numbers.map(record).collect()
}

#[tokio::test]
async fn a_call_longer_than_the_poll_interval_holds_up_its_key_and_costs_no_membership() {
    let Some(kafka) = kafka() else { return };
    let kafka = kafka.set("max.poll.interval.ms", POLL.as_millis().to_string());
    let classic =
        kafka.clone().set("session.timeout.ms", "3000").set("heartbeat.interval.ms", "500");
    let consumer = kafka.group_protocol(GroupProtocol::Consumer);
    tokio::join!(outlast("classic", &classic), outlast("consumer", &consumer));
}

async fn outlast(name: &str, kafka: &Kafka) {
    let (view, source) = (View::shared(), topic(kafka, "long", 2).await);
    let (group, seen) = (unique("long"), Seen::default());
    let (assigned, lost) = (seen.moves.clone(), seen.moves.clone());
    let count = |moves: Arc<AtomicUsize>| {
        move |_: Rebalance| {
            moves.fetch_add(1, SeqCst);
            async { Ok::<_, BoxError>(()) }
        }
    };
    let router = Router::new(group.clone())
        .subscribe(source.clone(), each(work).concurrency(by_key(8)))
        .on_rebalance(on_assigned(count(assigned)))
        .on_rebalance(on_lost(count(lost)));
    let service = Service::start(kafka, router.with_state(seen.clone()));
    write(kafka, records(&source, 0..OTHERS / 2)).await;
    until("the long call runs", async || seen.begun.load(SeqCst) > 0).await;
    // The rest comes when the interval is long over.
    tokio::time::sleep(POLL * 3 / 2).await;
    write(kafka, records(&source, OTHERS / 2..OTHERS)).await;
    let ends = view.ends(&source, 2).await;
    until("all is done", async || view.committed(&group, &source, 2).await == ends).await;
    service.stop().await.unwrap();

    let calls = seen.calls.lock().unwrap().clone();
    let of = |number: usize| calls.iter().find(|call| call.0 == number).unwrap().clone();
    let (long, next) = (of(0), of(OTHERS / 2 - 1));
    let others = calls.iter().filter(|call| call.1 != "long" && call.3 < long.3).count();
    let late = calls.iter().filter(|call| call.0 >= OTHERS / 2 && call.3 < long.3).count();
    println!(
        "F04 ({name}): a call of {:.1?} with max.poll.interval.ms={}: {others} of {} others ended meanwhile, {late} of \
         them were written behind the interval, {} assignments or losses",
        long.3 - long.2,
        POLL.as_millis(),
        OTHERS - 2,
        seen.moves.load(SeqCst)
    );
    assert!(long.3 - long.2 > 2 * POLL, "{name}: the fault did not happen");
    assert_eq!(calls.len(), OTHERS, "{name}: nothing is called twice, or lost");
    assert!(next.2 >= long.3, "{name}: the next of the key waits");
    assert_eq!(seen.moves.load(SeqCst), 1, "{name}: it stays a member");
    assert!(others > OTHERS / 2 && late > 0, "{name}: only the key waits: {others} {late}");
}
