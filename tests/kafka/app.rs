//! An app with two clusters, which are two clients of one broker.

use crate::{
    faults::{own_broker::OwnBroker, service::until, view::View},
    kit::{STUCK, fill, kafka, topic, unique},
};
use milena::{
    App, Router, each, publish,
    serve::{AppHealth, Ended, Failure, Probe, Running},
};
use milena_rdkafka::Kafka;
use std::sync::{Arc, Mutex};
use tokio::{sync::oneshot, task::JoinHandle};

/// An app that runs.
struct Service {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Ended, Failure>>,
}

impl Service {
    fn start(app: App) -> Self {
        let (stop, stopped) = oneshot::channel();
        let app = app.serve().with_shutdown(async { stopped.await.unwrap() });
        Self { stop, task: tokio::spawn(app.into_future()) }
    }

    async fn stop(self) -> Result<Ended, Failure> {
        self.stop.send(()).unwrap();
        tokio::time::timeout(STUCK, self.task).await.expect("the app ends").unwrap()
    }
}

async fn is_ready(probe: &Probe, ready: bool) -> AppHealth {
    let mut health = probe.check().await;
    until("the app is as ready as it should be", async || {
        health = probe.check().await;
        health.ready == ready
    })
    .await;
    health
}

#[tokio::test]
async fn records_cross_from_one_cluster_to_the_other_and_all_ends_in_good_order() {
    let Some(kafka) = kafka() else { return };
    let orders = topic(&kafka, "app-orders", 2).await;
    let invoices = topic(&kafka, "app-invoices", 2).await;
    let (billing, booking) = (unique("billing"), unique("booking"));
    let (journal, booked) =
        (Arc::<Mutex<Vec<String>>>::default(), Arc::new(Mutex::new(Vec::new())));
    let note = {
        let journal = journal.clone();
        move |what: &str| journal.lock().unwrap().push(what.to_owned())
    };

    let mut app =
        App::new("Billing", "1.0.0").cluster("eu", kafka.clone()).cluster("us", kafka.clone());
    let invoiced = app.publisher::<String>(publish(invoices.clone()).cluster("us").schema());
    let bill = move |order: String| {
        let invoiced = invoiced.clone();
        async move { invoiced.send(order).await.map(drop) }
    };
    let book = {
        let booked = booked.clone();
        move |invoice: String| {
            let booked = booked.clone();
            async move { booked.lock().unwrap().push(invoice) }
        }
    };
    let (around, beside) = (note.clone(), note);
    let app = app
        .router(Router::new(billing.clone()).subscribe(orders.clone(), each(bill)))
        .router_on("us", Router::new(booking.clone()).subscribe(invoices.clone(), each(book)))
        .lifespan(move |running: Running| async move {
            around("set up");
            running.until_end().await;
            around("torn down");
        })
        .background("beside", move |shutdown| async move {
            beside("begun");
            shutdown.begun().await;
            beside("ended");
        });
    let probe = app.health();
    assert!(!probe.check().await.ready);
    let service = Service::start(app);
    let health = is_ready(&probe, true).await;
    assert!(health.live && health.concerns.is_empty(), "{health:?}");

    fill(&kafka, &orders, 2, 0..50).await;
    until("every invoice is booked", async || booked.lock().unwrap().len() >= 100).await;
    assert_eq!(service.stop().await.unwrap(), Ended::Asked);

    let mut expected: Vec<_> = (0..50).flat_map(|n| [n.to_string(), n.to_string()]).collect();
    expected.sort();
    let mut booked = booked.lock().unwrap().clone();
    booked.sort();
    assert_eq!(booked, expected);
    assert_eq!(*journal.lock().unwrap(), ["set up", "begun", "ended", "torn down"]);
    let view = View::shared();
    for (group, topic) in [(&billing, &orders), (&booking, &invoices)] {
        assert_eq!(view.committed(group, topic, 2).await, view.ends(topic, 2).await, "{topic}");
    }
    assert!(!probe.check().await.live);
}

#[tokio::test]
async fn a_cluster_whose_broker_goes_away_is_named_until_it_is_back() {
    let Some(kafka) = kafka() else { return };
    let broker = OwnBroker::new();
    broker.up().await;
    let away = Kafka::new(broker.address());
    let (here, there) = (topic(&kafka, "app-here", 1).await, topic(&away, "app-there", 1).await);
    let reads = |topic| Router::new(unique("app")).subscribe(topic, each(async |_: String| {}));
    let app = App::new("Reads", "1.0.0")
        .cluster("eu", kafka)
        .cluster("us", away)
        .router(reads(here))
        .router_on("us", reads(there));
    let probe = app.health();
    let service = Service::start(app);
    is_ready(&probe, true).await;

    broker.kill().await;
    assert!(!broker.listens());
    let health = is_ready(&probe, false).await;
    assert!(health.live, "{health:?}");
    let texts: Vec<_> = health.concerns.iter().map(|it| &*it.text).collect();
    let unreached =
        |text: &&str| text.starts_with("could not reach") && text.ends_with("(cluster `us`)");
    assert!(texts.iter().any(unreached), "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("cluster `eu`")), "{texts:?}");

    broker.start().await;
    let health = is_ready(&probe, true).await;
    assert!(health.live && health.concerns.is_empty(), "{health:?}");
    assert_eq!(service.stop().await.unwrap(), Ended::Asked);
}
