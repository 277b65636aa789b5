use super::{
    service::{Calls, Service, until, valued, write},
    view::View,
};
use crate::kit::{kafka, topic, unique};
use milena::{
    Record, Router, State, each,
    router::{Rebalance, RebalanceListener, on_assigned},
};
use milena_rdkafka::{GroupProtocol, Kafka};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

const TIMES: usize = 5;

fn protocols() -> [(&'static str, fn(Kafka) -> Kafka); 3] {
    [
        ("cooperative", |kafka| kafka),
        ("eager", |kafka| kafka.set("partition.assignment.strategy", "range")),
        ("consumer", |kafka| kafka.group_protocol(GroupProtocol::Consumer)),
    ]
}

async fn note(record: Record, State(calls): State<Calls>) {
    calls.add(&record);
}

fn router(group: &Arc<str>, source: &Arc<str>, calls: &Calls) -> Router {
    let router = Router::new(group.clone()).subscribe(source.clone(), each(note));
    router.with_state(calls.clone())
}

/// Counts how often a member is given something.
fn counting(given: Arc<AtomicUsize>) -> impl RebalanceListener {
    on_assigned(move |rebalance: Rebalance| {
        given.fetch_add(usize::from(!rebalance.partitions().is_empty()), SeqCst);
        async { Ok(()) }
    })
}

#[tokio::test]
async fn what_is_given_back_before_it_is_read_commits_nothing_over_what_is_committed() {
    for (name, with) in protocols() {
        let Some(kafka) = kafka().map(with) else { return };
        let (view, source) = (View::shared(), topic(&kafka, "haste", 2).await);
        let (group, calls) = (unique("haste"), Calls::default());
        write(&kafka, valued(&source, 0, &["0", "1", "2"])).await;
        let service = Service::start(&kafka, router(&group, &source, &calls));
        // Nothing was ever in the other partition.
        let done = [Some(3), None];
        until("it is committed", async || view.committed(&group, &source, 2).await == done).await;
        service.stop().await.unwrap();

        let given = Arc::new(AtomicUsize::new(0));
        for time in 1..=TIMES {
            let listener = counting(given.clone());
            let router = router(&group, &source, &calls).on_rebalance(listener);
            let service = Service::start(&kafka, router);
            while given.load(SeqCst) < time {
                tokio::task::yield_now().await;
            }
            service.stop().await.unwrap();
            assert_eq!(view.committed(&group, &source, 2).await, done, "{name}");
        }

        let given = given.load(SeqCst);
        println!(
            "F12 kafka: {name}: given back before the first record {given} times, again {}",
            calls.count() - 3
        );
        assert!(given >= TIMES && calls.count() == 3, "{name}: {given}, {:?}", calls.of(0));
    }
}

#[tokio::test]
async fn a_member_that_is_given_nothing_commits_nothing_over_what_is_committed() {
    // The members of the third kind of group are not to be seen by the request for it.
    for (name, with) in &protocols()[..2] {
        let Some(kafka) = kafka().map(with) else { return };
        let (view, source) = (View::shared(), topic(&kafka, "idle", 1).await);
        let (group, calls, idle) = (unique("idle"), Calls::default(), Calls::default());
        write(&kafka, valued(&source, 0, &["0", "1", "2"])).await;
        let first = Service::start(&kafka, router(&group, &source, &calls));
        until("it is committed", async || view.committed(&group, &source, 1).await == [Some(3)])
            .await;

        let (second, control) = Service::start_with_control(&kafka, router(&group, &source, &idle));
        until("the second has joined", async || control.health().await.is_ok()).await;
        until("both are in the group", async || view.members(&group).await == 2).await;
        assert_eq!(control.assignment().await.unwrap(), []);
        second.stop().await.unwrap();
        let committed = view.committed(&group, &source, 1).await;
        write(&kafka, valued(&source, 0, &["3"])).await;
        until("the first goes on", async || calls.count() == 4).await;
        first.stop().await.unwrap();

        println!("F12 kafka: {name}: a member with nothing came and went, committed {committed:?}");
        assert_eq!((committed, idle.count()), (vec![Some(3)], 0), "{name}");
        assert_eq!(view.committed(&group, &source, 1).await, [Some(4)], "{name}");
    }
}
