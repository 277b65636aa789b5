use super::{
    logs::Logs,
    service::{Service, until, valued, write},
    view::{View, headers, text},
};
use crate::kit::{STUCK, kafka, topic, unique};
use milena::{
    Record, Router, State, each,
    router::{Breaker, Rebalance, on_assigned},
    serve::{Control, Incident, Incidents},
};
use milena_core::error::BoxError;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

const PARTITIONS: i32 = 3;
const RECORDS: usize = 200;
const IN_A_ROW: usize = 20;

/// What the handler depends on, and the records that it stored there.
#[derive(Clone, Default)]
struct Outside {
    /// Where it goes, if it does.
    goes_at: Option<usize>,
    went: Arc<AtomicBool>,
    gone: Arc<AtomicBool>,
    stored: Arc<Mutex<Vec<(i32, i64)>>>,
}

impl Outside {
    fn stored(&self) -> usize {
        self.stored.lock().unwrap().len()
    }
}

async fn store(record: Record, State(outside): State<Outside>) -> Result<(), BoxError> {
    // The database goes while the service is at work.
    if Some(outside.stored()) == outside.goes_at && !outside.went.swap(true, SeqCst) {
        outside.gone.store(true, SeqCst);
    }
    if outside.gone.load(SeqCst) {
        return Err("the database is gone".into());
    }
    outside.stored.lock().unwrap().push((record.partition(), record.offset()));
    Ok(())
}

#[tokio::test]
async fn a_breaker_pauses_what_fails_says_so_and_goes_on_when_it_is_mended() {
    let Some(kafka) = kafka() else { return };
    let outside = Outside { goes_at: Some(150), ..Outside::default() };
    let (view, logs) = (View::shared(), Logs::default());
    let _listening = logs.listen();
    let source = topic(&kafka, "store", PARTITIONS).await;
    let dead = topic(&kafka, "dead", PARTITIONS).await;
    for partition in 0..PARTITIONS {
        write(&kafka, valued(&source, partition, &["x"; RECORDS])).await;
    }
    let (group, assignments) = (unique("store"), Arc::new(AtomicUsize::new(0)));
    let count = assignments.clone();
    let breaker = Breaker::default().in_a_row(IN_A_ROW).cool_down(Duration::from_secs(2));
    let router = Router::new(group.clone())
        .subscribe(source.clone(), each(store).dead_letter(dead.clone()).breaker(breaker))
        .on_rebalance(on_assigned(move |_: Rebalance| {
            count.fetch_add(1, SeqCst);
            async { Ok::<_, BoxError>(()) }
        }));
    let router = router.with_state(outside.clone());
    let (service, control) = Service::start_with_control(&kafka, router);
    let mut incidents = control.incidents();

    let opened = next(&mut incidents, |it| matches!(it, Incident::BreakerOpened { .. })).await;
    let health = control.health().await.unwrap();
    let before = view.records(&dead).await.len();
    until("two more calls were let through and failed", async || {
        logs.lines("stays open").len() >= 2
    })
    .await;
    let after = view.records(&dead).await.len();
    outside.gone.store(false, SeqCst);
    next(&mut incidents, |it| matches!(it, Incident::BreakerClosed { .. })).await;
    let ends = view.ends(&source, PARTITIONS).await;
    until("all is done", async || view.committed(&group, &source, PARTITIONS).await == ends).await;
    let well = control.health().await.unwrap();
    service.stop().await.unwrap();

    println!("{opened:?}\n{health:?}");
    logs.lines("circuit breaker").iter().for_each(|line| println!("{line}"));
    let letters = view.records(&dead).await;
    println!(
        "breaker: {before} dead letters when it opened, {after} after two more calls, {} in all",
        letters.len()
    );
    let Incident::BreakerOpened { topics, why } = opened else { unreachable!() };
    assert_eq!(
        (topics.contains(&*source), why.contains("database is gone")),
        (true, true),
        "{why}"
    );
    assert!(health.concerns.iter().any(|it| it.text.contains(&*source)), "{health:?}");
    assert!(well.is_good(), "{well:?}");
    // A call in each partition may have been under way when it opened, and one is let through each time.
    let partitions = PARTITIONS as usize;
    let probes = logs.lines("stays open").len();
    assert!((IN_A_ROW..=IN_A_ROW + partitions + probes).contains(&letters.len()));
    let from = letters.iter().map(|letter| {
        let header = |name| headers(letter).into_iter().find(|it| it.0 == name).unwrap().1;
        let number = |name| text(header(name).as_deref()).parse::<i64>().unwrap();
        let partition = number("milena-dead-letter-partition");
        (i32::try_from(partition).unwrap(), number("milena-dead-letter-offset"))
    });
    let stored = outside.stored.lock().unwrap();
    let done: BTreeSet<_> = from.chain(stored.iter().copied()).collect();
    assert_eq!(done.len(), partitions * RECORDS, "nothing is lost");
    assert_eq!(stored.len() + letters.len(), done.len(), "nothing is done twice");
    assert_eq!(assignments.load(SeqCst), 1, "it stays a member");
    assert!(outside.went.load(SeqCst) && probes >= 2, "the fault did not happen");
}

/// The next incident of this kind.
async fn next(incidents: &mut Incidents, is_it: impl Fn(&Incident) -> bool) -> Incident {
    let looking = async {
        loop {
            let incident = incidents.next().await.expect("the service runs");
            if is_it(&incident) {
                return incident;
            }
        }
    };
    tokio::time::timeout(STUCK, looking).await.expect("it is told")
}

/// What a person can do by hand is not undone by the breaker, nor the other way round.
#[tokio::test]
async fn a_topic_that_is_paused_by_hand_stays_so_when_its_breaker_closes() {
    let Some(kafka) = kafka() else { return };
    let (view, outside) = (View::shared(), Outside::default());
    outside.gone.store(true, SeqCst);
    let source = topic(&kafka, "store", 1).await;
    let (dead, group) = (topic(&kafka, "dead", 1).await, unique("store"));
    write(&kafka, valued(&source, 0, &["x"; RECORDS])).await;
    let breaker = Breaker::default().in_a_row(IN_A_ROW).cool_down(Duration::from_secs(1));
    let router = Router::new(group.clone())
        .subscribe(source.clone(), each(store).dead_letter(dead.clone()).breaker(breaker));
    let (service, control) =
        Service::start_with_control(&kafka, router.with_state(outside.clone()));
    next(&mut control.incidents(), |it| matches!(it, Incident::BreakerOpened { .. })).await;

    control.pause(&*source).await.unwrap();
    outside.gone.store(false, SeqCst);
    let letters = view.records(&dead).await.len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (stored, more) = (outside.stored(), view.records(&dead).await.len());
    assert!(!is_well(&control).await);
    control.resume(&*source).await.unwrap();
    let end = view.ends(&source, 1).await;
    until("all is done", async || view.committed(&group, &source, 1).await == end).await;

    assert!(is_well(&control).await);
    service.stop().await.unwrap();
    println!("breaker: paused for 3 cool-downs by hand: {stored} calls, then {}", outside.stored());
    assert!(more - letters <= 1 && stored <= 1, "{letters} {more} {stored}");
}

async fn is_well(control: &Control) -> bool {
    control.health().await.unwrap().is_good()
}
