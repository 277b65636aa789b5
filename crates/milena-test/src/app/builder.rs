use super::{
    TestApp,
    running::Running,
    subject::{Prepared, Subject},
    time,
};
use crate::{
    broker::{Broker, Chosen},
    calls::Recorder,
    stand_in::{Answer, StandIns, When},
};
use milena::{App, Router};
use milena_core::{
    error::BoxError,
    extract::{Batch, FromRecord},
    transport::NewTopic,
};
use milena_memory::Memory;
use std::{any::type_name, fmt, sync::Arc, time::Duration};
use tokio::sync::oneshot;

/// A service that is about to be tested; [`TestApp::builder`] makes one.
///
/// ```
/// use milena::{Json, Router, each};
/// use milena_test::TestApp;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Deserialize, Serialize, JsonSchema)] struct Order { id: u64 }
/// # #[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)] struct Invoice { order: u64 }
/// # async fn bill(_: Json<Order>) -> Json<Invoice> { Json(Invoice { order: 0 }) }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let router = Router::new("billing").subscribe("orders", each(bill).publish_to("invoices"));
/// let test = TestApp::builder(router)
///     .topic("orders", 3)
///     .mock(bill, |Json(order): Json<Order>| Json(Invoice { order: order.id + 1000 }))
///     .start()
///     .await;
///
/// test.publish("orders", Json(Order { id: 7 })).await;
///
/// assert_eq!(test.published::<Invoice>("invoices"), [Invoice { order: 1007 }]);
/// # }
/// ```
#[must_use = "it runs when it is started"]
pub struct Builder {
    subject: Subject,
    broker: Option<Memory>,
    partitions: i32,
    topics: Vec<NewTopic>,
    stand_ins: StandIns,
    records: bool,
    patience: Duration,
}

impl Builder {
    /// Runs it on this broker, which may have topics, records and faults already, whatever
    /// `MILENA_TEST_BROKER` says.
    pub fn broker(self, broker: Memory) -> Self {
        Self { broker: Some(broker), ..self }
    }

    /// With this many partitions for each topic that comes into being because it is used; 1 by default.
    ///
    /// # Panics
    ///
    /// If it is less than one.
    #[track_caller]
    pub fn default_partitions(self, partitions: i32) -> Self {
        assert!(
            partitions > 0,
            "could not make topics of {partitions} partitions: that is too few"
        );
        Self { partitions, ..self }
    }

    /// Creates this topic, with so many partitions, before the service starts.
    pub fn topic(mut self, name: impl Into<Arc<str>>, partitions: i32) -> Self {
        self.topics.push(NewTopic::new(name).partitions(partitions));
        self
    }

    /// Has waiting asserts wait this long, of the time of the runtime; 10 s by default.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Has `mock` answer instead of a handler, and of the layers around it. What it returns is published
    /// where the handler's own value would be, and the calls are recorded as the handler's.
    ///
    /// The argument is any extractor that needs no state, or a tuple of some: `Json<Order>`,
    /// `(Key<String>, Json<Order>)`. A record that it refuses is refused as by the handler itself.
    pub fn mock<H, A, R, M>(
        mut self,
        handler: H,
        mock: impl Fn(A) -> R + Send + Sync + 'static,
    ) -> Self
    where
        A: FromRecord<()>,
        R: Answer<M>,
    {
        self.stand_ins.mock(name_of(handler), mock);
        self
    }

    /// The same for a handler that takes batches.
    pub fn mock_batch<H, A, R, M>(
        mut self,
        handler: H,
        mock: impl Fn(Batch<A>) -> R + Send + Sync + 'static,
    ) -> Self
    where
        A: FromRecord<()>,
        R: Answer<M>,
    {
        self.stand_ins.mock_batch(name_of(handler), mock);
        self
    }

    /// Has calls of a handler fail with this error, without being made: the first so many, or those that
    /// [`When`] says.
    ///
    /// ```
    /// # use milena::{Retry, Router, each};
    /// # use milena_test::TestApp;
    /// # use std::{io, time::Duration};
    /// # async fn bill() {}
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let subscriber = each(bill).retry(Retry::fixed(5, Duration::from_secs(30)));
    /// let test = TestApp::builder(Router::new("billing").subscribe("orders", subscriber))
    ///     .fail(bill, 2, || io::Error::other("the database is away"))
    ///     .start()
    ///     .await;
    ///
    /// test.publish("orders", "{}").await;
    ///
    /// assert_eq!(test.calls(bill).count(), 3);
    /// assert_eq!(test.calls(bill).errors(), ["the database is away"; 2]);
    /// # }
    /// ```
    pub fn fail<H, E: Into<BoxError>>(
        mut self,
        handler: H,
        when: impl Into<When>,
        error: impl Fn() -> E + Send + Sync + 'static,
    ) -> Self {
        self.stand_ins.fail(name_of(handler), when.into(), Box::new(move || error().into()));
        self
    }

    /// Records no calls, so that handlers are called as in production, with nothing around them.
    pub fn unrecorded(self) -> Self {
        Self { records: false, ..self }
    }

    /// Starts it. When this returns, lifespans are set up and publishers work, unless the service has failed.
    ///
    /// On a real broker every group has its partitions then, and the time of the runtime
    /// runs, because Kafka does not wait.
    ///
    /// # Panics
    ///
    /// If `MILENA_TEST_BROKER` names no broker, the broker does not answer, something stands in for a
    /// handler that is not there, or a minute was not enough, and in paused time a day.
    pub async fn start(mut self) -> TestApp {
        self.check();
        let brokers = self.brokers().await;
        let recorder = Arc::new(Recorder::new(self.subject.handlers()));
        let subject = match self.records {
            true => self.subject.recorded(&recorder, self.stand_ins),
            false => self.subject,
        };
        let (stop, stopped) = oneshot::channel();
        // A test that was dropped stops its service, too.
        let stopped = Box::pin(async { drop(stopped.await) });
        let Prepared { clusters, service, set_up } = subject.on(brokers, stopped);
        let running = Running::begin(recorder.clone(), stop, service);
        let (records, patience) = (self.records, self.patience);
        let test = TestApp { clusters, running, recorder, records, patience };
        test.set_up(set_up).await;
        if test.clusters.iter().any(|cluster| matches!(cluster.broker, Broker::Real(_))) {
            test.joined().await;
        }
        test
    }

    /// A broker for each cluster. All topics are on the first, which is the default one.
    async fn brokers(&mut self) -> Vec<(Arc<str>, Broker)> {
        let mut given = self.broker.take().map(Broker::Embedded);
        let real = given.is_none().then(Chosen::by_environment);
        let mut broker = || {
            let chosen = real.as_ref().unwrap_or(&Chosen::Embedded);
            given.take().unwrap_or_else(|| chosen.broker(self.partitions))
        };
        let names = self.subject.clusters().into_iter();
        let brokers: Vec<_> = names.map(|name| (name, broker())).collect();
        if matches!(brokers[0].1, Broker::Real(_)) {
            time::run();
        }
        if let Err(error) = brokers[0].1.create(std::mem::take(&mut self.topics)).await {
            panic!("could not create the topics of a test: {error}");
        }
        brokers
    }

    /// What stands in for a handler stands in for one that is there.
    fn check(&self) {
        let handlers = self.subject.handlers();
        for handler in self.stand_ins.handlers() {
            let known = handlers.contains(handler);
            assert!(known, "no subscription has the handler `{handler}`; those are {handlers:?}");
            assert!(
                self.records,
                "nothing stands in for `{handler}` in a test that records no calls"
            );
        }
    }
}

impl From<Router> for Builder {
    fn from(router: Router) -> Self {
        Self::new(Subject::of(router))
    }
}

impl From<App> for Builder {
    fn from(app: App) -> Self {
        Self::new(Subject::App(Box::new(app)))
    }
}

impl Builder {
    fn new(subject: Subject) -> Self {
        Self {
            subject,
            broker: None,
            partitions: 1,
            topics: Vec::new(),
            stand_ins: StandIns::default(),
            records: true,
            patience: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("stand_ins", &self.stand_ins)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// The name of a handler, as its subscription has it.
pub(super) fn name_of<H>(_: H) -> &'static str {
    type_name::<H>().trim_start_matches('&')
}
