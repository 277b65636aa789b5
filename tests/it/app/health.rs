use super::{MS, Running as Service, produce, until};
use milena::{
    App, Error, Memory, Router, each,
    error::ErrorKind,
    router::Watchdog,
    serve::{AppHealth, Probe},
    transport::Transport,
};
use milena_core::{
    ProducerRecord,
    transport::{
        BoxFuture, Consumer, Creation, Full, Membership, NewTopic, Producer, Receipt,
        TopicDescription,
    },
};
use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::sync::Notify;

pub(super) fn app(broker: impl Transport) -> App {
    let router = Router::new("g").subscribe("t", each(async |_: String| {}));
    App::new("Well", "1.0.0").cluster("eu", broker).router(router)
}

pub(super) async fn texts(probe: &Probe) -> (bool, bool, Vec<String>) {
    let AppHealth { live, ready, concerns, .. } = probe.check().await;
    (live, ready, concerns.into_iter().map(|it| it.text).collect())
}

pub(super) async fn ready_at_last(probe: &Probe) {
    while !probe.check().await.ready {
        tokio::time::sleep(MS).await;
    }
}

#[tokio::test(start_paused = true)]
async fn health_is_a_value_before_the_start_while_the_app_runs_and_behind_its_end() {
    let broker = Memory::new();
    let (go, goes) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (held, release) = (go.clone(), goes.clone());
    let app = app(broker).lifespan(move |running| async move {
        held.notified().await;
        running.until_end().await;
        release.notified().await;
    });
    let probe = app.health();
    assert_eq!(texts(&probe).await, (true, false, vec!["the app has not started".into()]));

    let running = Service::start(app);
    tokio::time::sleep(MS).await;
    assert_eq!(texts(&probe).await, (true, false, vec!["the app is being set up".into()]));

    go.notify_one();
    ready_at_last(&probe).await;
    assert_eq!(texts(&probe).await, (true, true, vec![]));

    let stopping = tokio::spawn(running.stop());
    tokio::time::sleep(MS).await;
    let (live, ready, concerns) = texts(&probe).await;
    assert_eq!((live, ready, &*concerns[0]), (true, false, "the app is ending"));

    goes.notify_one();
    stopping.await.unwrap().unwrap();
    assert_eq!(texts(&probe).await, (false, false, vec!["the app has ended".into()]));
}

#[tokio::test(start_paused = true)]
async fn health_of_an_app_that_was_dropped_is_that_of_one_that_has_ended() {
    let app = app(Memory::new());
    let probe = app.health();
    drop(app);
    assert_eq!(texts(&probe).await, (false, false, vec!["the app has ended".into()]));
}

#[tokio::test(start_paused = true)]
async fn a_member_without_partitions_is_ready_once_it_was_told() {
    let broker = Memory::new();
    broker.create_topic("t", 1);
    let first = app(broker.clone());
    let of_first = first.health();
    let first = Service::start(first);
    ready_at_last(&of_first).await;

    let second = app(broker.clone());
    let of_second = second.health();
    let second = Service::start(second);
    ready_at_last(&of_second).await;

    assert_eq!(broker.members("g"), 2);
    second.stop().await.unwrap();
    first.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_stands_still_is_live_and_not_ready() {
    async fn hang(_: String) {
        pending::<()>().await;
    }
    let broker = Memory::new();
    produce(&broker, "t", &["a", "b"]);
    let dog = Watchdog::default().processing(10_000 * MS);
    let router = Router::new("g").subscribe("t", each(hang)).watchdog(dog).drain_timeout(10 * MS);
    let app = App::new("Stuck", "1.0.0").cluster("eu", broker.clone()).router(router);
    let probe = app.health();
    let running = Service::start(app);
    until(&broker, || broker.members("g") == 1).await;
    tokio::time::sleep(120_000 * MS).await;

    let health = probe.check().await;

    assert!(health.live && !health.ready, "{health:?}");
    let concern = health.concerns.iter().find(|it| it.partition.is_some()).unwrap();
    assert!(concern.text.ends_with("(cluster `eu`, group `g`)"), "{concern:?}");
    assert_eq!(running.stop().await.unwrap_err().kind(), ErrorKind::Unfinished);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_cannot_be_reached_is_named_and_a_task_can_ask() {
    let (eu, us, answers) = (Memory::new(), Memory::new(), Arc::new(AtomicU8::new(YES)));
    let app = app(eu).cluster("us", Mute(us, answers.clone()));
    let probe = app.health();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let asking = probe.clone();
    let app = app.background("health", move |_| async move {
        loop {
            tokio::time::sleep(1000 * MS).await;
            let _ = tell.send(asking.check().await);
        }
    });
    let running = Service::start(app);
    assert!(told.recv().await.unwrap().ready);

    answers.store(NO, SeqCst);
    told.recv().await.unwrap();
    let health = told.recv().await.unwrap();
    assert!(health.live && !health.ready);
    assert_eq!(health.concerns[0].text, "could not reach a broker: it is away (cluster `us`)");

    answers.store(SILENT, SeqCst);
    told.recv().await.unwrap();
    let health = told.recv().await.unwrap();
    assert_eq!(
        health.concerns[0].text,
        "could not reach a broker: there was no answer in 3s (cluster `us`)"
    );

    answers.store(YES, SeqCst);
    told.recv().await.unwrap();
    assert!(told.recv().await.unwrap().ready);
    running.stop().await.unwrap();
}

const YES: u8 = 0;
const NO: u8 = 1;
const SILENT: u8 = 2;
pub(super) const REFUSED: u8 = 3;

/// A broker that answers as it is told to.
pub(super) struct Mute(pub(super) Memory, pub(super) Arc<AtomicU8>);

impl Transport for Mute {
    fn consumer(&self, membership: Membership) -> BoxFuture<'_, Result<Box<dyn Consumer>, Error>> {
        self.0.consumer(membership)
    }

    fn producer(&self) -> BoxFuture<'_, Result<Arc<dyn Producer>, Error>> {
        Box::pin(async {
            let producer = MuteProducer(self.0.producer().await?, self.1.clone());
            Ok(Arc::new(producer) as Arc<dyn Producer>)
        })
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

struct MuteProducer(Arc<dyn Producer>, Arc<AtomicU8>);

impl Producer for MuteProducer {
    fn enqueue(&self, record: ProducerRecord, receipt: Receipt) -> Result<(), Box<Full>> {
        self.0.enqueue(record, receipt)
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        self.0.room()
    }

    fn flush(&self, within: Duration) -> BoxFuture<'_, usize> {
        self.0.flush(within)
    }

    fn partitions(&self, topic: Arc<str>) -> BoxFuture<'_, Result<i32, Error>> {
        self.0.partitions(topic)
    }

    fn reach(&self, _: Duration) -> BoxFuture<'_, Result<(), Error>> {
        match self.1.load(SeqCst) {
            YES => Box::pin(ready(Ok(()))),
            NO => {
                let message = "could not reach a broker: it is away";
                Box::pin(ready(Err(Error::new(ErrorKind::Unreachable, message))))
            }
            _ => Box::pin(pending()),
        }
    }

    fn failed(&self) -> BoxFuture<'_, Error> {
        Box::pin(async {
            match self.1.load(SeqCst) {
                REFUSED => Error::new(ErrorKind::Unauthorized, "could not log in: it is refused"),
                _ => pending().await,
            }
        })
    }
}
