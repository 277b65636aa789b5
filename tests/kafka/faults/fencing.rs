use super::{
    service::{Calls, Service, until, valued, write},
    view::View,
};
use crate::kit::{kafka, topic, unique};
use milena::{
    Record, Router, State, each,
    error::ErrorKind,
    router::{Rebalance, on_assigned},
    serve::Control,
};
use milena_rdkafka::GroupProtocol;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

const VALUES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

async fn note(record: Record, State(calls): State<Calls>) {
    calls.add(&record);
}

/// A member that commits only when it has to.
fn router(group: &Arc<str>, source: &Arc<str>, calls: &Calls) -> Router {
    let router = Router::new(group.clone()).subscribe(source.clone(), each(note));
    router.commit_interval(Duration::from_secs(1000)).with_state(calls.clone())
}

#[tokio::test]
async fn a_service_whose_place_another_takes_ends_and_the_other_handles_what_was_not_committed() {
    let Some(kafka) = kafka() else { return };
    let kafka = kafka.instance_id("twin").set("heartbeat.interval.ms", "500");
    let (view, source) = (View::shared(), topic(&kafka, "twin", 2).await);
    let (group, one, two) = (unique("twin"), Calls::default(), Calls::default());
    write(&kafka, valued(&source, 0, &VALUES)).await;
    let first = Service::start(&kafka, router(&group, &source, &one));
    until("the first has handled all", async || one.count() == 10).await;
    assert_eq!(view.committed(&group, &source, 2).await, [None, None]);

    let second = Service::start(&kafka, router(&group, &source, &two));
    let error = first.ended().await.unwrap_err();
    write(&kafka, valued(&source, 1, &VALUES)).await;
    until("the second has handled all", async || two.count() == 20).await;
    second.stop().await.unwrap();

    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    assert!(error.to_string().contains(&*group), "{error}");
    assert_eq!((two.of(0), two.of(1)), ((0..10).collect(), (0..10).collect()));
    assert!(one.of(1).is_empty(), "{:?}", one.of(1));
    assert_eq!(view.committed(&group, &source, 2).await, [Some(10), Some(10)]);
}

/// Where the broker assigns, it is the one who comes that is turned away.
#[tokio::test]
async fn a_service_that_would_take_the_place_of_another_ends_where_the_broker_assigns() {
    let Some(kafka) = kafka() else { return };
    let kafka = kafka.instance_id("twin").group_protocol(GroupProtocol::Consumer);
    let (view, source) = (View::shared(), topic(&kafka, "twin", 1).await);
    let (group, one, two) = (unique("twin"), Calls::default(), Calls::default());
    write(&kafka, valued(&source, 0, &VALUES)).await;
    let first = Service::start(&kafka, router(&group, &source, &one));
    until("the first has handled all", async || one.count() == 10).await;

    let error = Service::start(&kafka, router(&group, &source, &two)).ended().await.unwrap_err();
    write(&kafka, valued(&source, 0, &VALUES)).await;
    until("the first has handled the rest", async || one.count() == 20).await;
    first.stop().await.unwrap();

    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    assert_eq!((one.of(0), two.count()), ((0..20).collect(), 0));
    assert_eq!(view.committed(&group, &source, 1).await, [Some(20)]);
}

/// How often something was assigned, revoked or lost.
#[derive(Clone, Default)]
struct Moves(Arc<AtomicUsize>);

impl Moves {
    fn add(&self, rebalance: &Rebalance) {
        self.0.fetch_add(usize::from(!rebalance.partitions().is_empty()), SeqCst);
    }

    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    fn heard_by(&self, router: Router) -> Router {
        let [assigned, revoked, lost] = [self.clone(), self.clone(), self.clone()];
        let note = |moves: Self| {
            move |rebalance: Rebalance| {
                moves.add(&rebalance);
                async { Ok(()) }
            }
        };
        let listener = on_assigned(note(assigned)).on_revoked(note(revoked)).on_lost(note(lost));
        router.on_rebalance(listener)
    }
}

#[tokio::test]
async fn a_static_service_that_restarts_within_its_session_moves_nothing_and_misses_nothing() {
    for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
        let Some(kafka) = kafka() else { return };
        let kafka = kafka.group_protocol(protocol);
        let (view, source) = (View::shared(), topic(&kafka, "static", 2).await);
        let (group, one, two) = (unique("static"), Calls::default(), Calls::default());
        let (first, second) = (Moves::default(), Moves::default());
        let start = |name: &str, calls: &Calls, moves: &Moves| {
            let router = router(&group, &source, calls);
            Service::start_with_control(&kafka.clone().instance_id(name), moves.heard_by(router))
        };
        let (kept, control_kept) = start("kept", &one, &first);
        let (away, control_away) = start("away", &two, &second);
        until("each has one partition", async || {
            let assignment =
                async |control: &Control| control.assignment().await.unwrap_or_default();
            (assignment(&control_kept).await.len(), assignment(&control_away).await.len()) == (1, 1)
        })
        .await;
        let of_it = control_away.assignment().await.unwrap()[0].partition;
        let before = (first.count(), second.count());

        away.stop().await.unwrap();
        for partition in 0..2 {
            write(&kafka, valued(&source, partition, &VALUES)).await;
        }
        until("the kept one has handled its own", async || one.count() == 10).await;
        let (back, _) = start("away", &two, &second);
        until("the other has handled its own", async || two.count() == 10).await;
        let moved = first.count() - before.0;
        back.stop().await.unwrap();
        kept.stop().await.unwrap();

        println!(
            "F16 kafka: {protocol:?}: restarted once, the other was told {moved} times, 20 records, lost 0, again 0"
        );
        assert_eq!(moved, 0, "{protocol:?}");
        assert_eq!((one.of(1 - of_it), two.of(of_it)), ((0..10).collect(), (0..10).collect()));
        assert_eq!(view.committed(&group, &source, 2).await, [Some(10), Some(10)]);
    }
}
