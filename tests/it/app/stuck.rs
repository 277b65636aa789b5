//! How an app is whose consumer does not go on.

use super::{
    MS, Running as Service,
    health::{app, ready_at_last, texts},
};
use milena::{
    Error, Memory,
    transport::{
        BoxFuture, Consumer, Creation, Event, Lookup, Membership, NewTopic, Producer, Selection,
        TopicDescription, Transport,
    },
};
use milena_core::record::TopicPartition;
use std::{
    sync::{Arc, Condvar, Mutex},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

#[tokio::test(start_paused = true)]
async fn an_app_that_lost_its_partitions_is_not_ready_until_it_has_some_again() {
    let (broker, gate) = (Memory::new(), Gate::default());
    broker.create_topic("t", 1);
    let app = app(Gated(broker.clone(), gate.clone()));
    let (probe, control) = (app.health(), app.control("g"));
    let running = Service::start(app);
    ready_at_last(&probe).await;
    assert!(control.health().await.unwrap().has_assignment);

    // It hears that they are lost, and nothing behind that.
    gate.set(Way::OpenUntilLost);
    broker.faults().lose_partitions("g");
    while probe.check().await.ready {
        tokio::time::sleep(MS).await;
    }
    assert_eq!(gate.way(), Way::Closed);
    let why = "the group has not said which partitions it has (cluster `eu`, group `g`)";
    assert_eq!(texts(&probe).await, (true, false, vec![why.into()]));
    assert!(!control.health().await.unwrap().has_assignment);

    gate.set(Way::Open);
    ready_at_last(&probe).await;
    assert!(control.health().await.unwrap().has_assignment);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_app_with_a_group_that_is_stuck_is_not_live_until_that_goes_on() {
    let (broker, gate) = (Memory::new(), Gate::default());
    broker.create_topic("t", 1);
    let app = app(Gated(broker, gate.clone()));
    let probe = app.health();
    let running = Service::start(app);
    ready_at_last(&probe).await;

    gate.set(Way::Blocked);
    // What it is asked wakes the group, which may answer once before it goes to its consumer.
    while probe.check().await.live {}
    let why = "the group has not answered for 1s: it is stuck (cluster `eu`, group `g`)";
    assert_eq!(texts(&probe).await, (false, false, vec![why.into()]));

    gate.set(Way::Open);
    ready_at_last(&probe).await;
    assert_eq!(texts(&probe).await, (true, true, vec![]));
    running.stop().await.unwrap();
}

/// The embedded broker, to whose members nothing comes but through a gate.
struct Gated(Memory, Gate);

struct GatedConsumer(Box<dyn Consumer>, Gate);

#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<Stand>, Condvar)>);

#[derive(Default)]
struct Stand {
    way: Way,
    waker: Option<Waker>,
}

/// What comes through.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Way {
    #[default]
    Open,
    /// It closes behind the news that partitions are lost.
    OpenUntilLost,
    Closed,
    /// Nothing, and who comes for it cannot leave.
    Blocked,
}

impl Gate {
    fn set(&self, way: Way) {
        let (stand, changed) = &*self.0;
        let mut stand = stand.lock().unwrap();
        stand.way = way;
        changed.notify_all();
        stand.waker.take().into_iter().for_each(Waker::wake);
    }

    fn way(&self) -> Way {
        self.0.0.lock().unwrap().way
    }

    fn poll_open(&self, cx: &mut Context<'_>) -> Poll<()> {
        let (stand, changed) = &*self.0;
        let stand = stand.lock().unwrap();
        // A test that fails while this is blocked is to end, too.
        let stuck = Duration::from_secs(30);
        let blocked = |stand: &mut Stand| stand.way == Way::Blocked;
        let mut stand = changed.wait_timeout_while(stand, stuck, blocked).unwrap().0;
        if stand.way == Way::Closed {
            stand.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl Transport for Gated {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        Box::pin(async {
            let consumer = self.0.consumer(membership).await?;
            Ok(Box::new(GatedConsumer(consumer, self.1.clone())) as _)
        })
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        self.0.producer()
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> BoxFuture<'_, Result<Vec<Creation>, Error>> {
        self.0.create_topics(topics)
    }

    fn describe_topics(
        &self,
        topics: Vec<Arc<str>>,
    ) -> BoxFuture<'_, Result<Vec<Option<TopicDescription>>, Error>> {
        self.0.describe_topics(topics)
    }
}

impl Consumer for GatedConsumer {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        ready!(self.1.poll_open(cx));
        let event = ready!(self.0.poll_event(cx));
        if matches!(event, Event::Lost(_)) && self.1.way() == Way::OpenUntilLost {
            self.1.set(Way::Closed);
        }
        Poll::Ready(event)
    }

    fn assign(&mut self, partitions: Vec<(TopicPartition, Option<i64>)>) {
        self.0.assign(partitions);
    }

    fn release(&mut self, partitions: Vec<TopicPartition>) {
        self.0.release(partitions);
    }

    fn commit(&mut self, offsets: Vec<(TopicPartition, i64)>) {
        self.0.commit(offsets);
    }

    fn seek(&mut self, to: Vec<(TopicPartition, i64)>) {
        self.0.seek(to);
    }

    fn select(&mut self, selection: Selection) {
        self.0.select(selection);
    }

    fn lookup(&self) -> Arc<dyn Lookup> {
        self.0.lookup()
    }

    fn park(&mut self, partition: &TopicPartition) {
        self.0.park(partition);
    }

    fn unpark(&mut self, partition: &TopicPartition) {
        self.0.unpark(partition);
    }

    fn close(&mut self, within: Duration) {
        self.0.close(within);
    }
}
