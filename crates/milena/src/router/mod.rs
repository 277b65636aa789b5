//! Consumer groups, what they subscribe to, and how the records are delivered.

mod options;
mod topics;

pub(crate) use options::Options;
pub use topics::Topics;

pub use crate::{
    route::Route,
    subscriber::{Batched, Concurrency, Each, Subscriber},
};
use crate::{
    route::{Layers, Plan, Runner},
    subscriber::{Policy, Subscribed},
};
use milena_core::{
    error::BoxError,
    handler::{Delivery, IntoOutcome, Operation, Outcome},
    transport::StartAt,
};
use std::{fmt, sync::Arc, time::Duration};
use tower::{Layer, Service};

/// The subscriptions of one consumer group, read by one consumer. `Router<S>` still lacks a state `S`.
///
/// Merging routers puts groups side by side; [`serve`](fn@crate::serve) runs them.
///
/// ```
/// use milena::{Router, State, batch, each};
/// # use milena::{Batch, Json};
/// # #[derive(Clone)] struct Ledger;
/// # async fn bill(_: State<Ledger>) {}
/// # async fn count(_: Batch<String>) {}
///
/// let billing = Router::new("billing").subscribe("orders", each(bill).dead_letter("orders.dead"));
/// let analytics = Router::new("analytics").subscribe(["clicks", "views"], batch(count).skip_failures());
/// let app: Router = billing.merge(analytics).with_state(Ledger);
/// ```
#[must_use = "a router does nothing until it is served"]
pub struct Router<S = ()> {
    /// This router's own group, then those of the routers merged into it.
    groups: Vec<Group<S>>,
}

/// A consumer group with its subscriptions.
pub(crate) struct Group<S> {
    pub(crate) name: Arc<str>,
    pub(crate) subscriptions: Vec<Subscription<S>>,
    pub(crate) options: Options,
}

/// Topics, a handler, and how their records are delivered to it.
pub(crate) struct Subscription<S> {
    pub(crate) topics: Vec<Arc<str>>,
    pub(crate) policy: Policy,
    operation: Operation,
    plan: Arc<dyn Plan<S>>,
    layers: Layers,
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// A router without subscriptions, for this consumer group.
    ///
    /// # Panics
    ///
    /// If the name of the group is empty.
    #[track_caller]
    pub fn new(group: impl Into<Arc<str>>) -> Self {
        let name = group.into();
        assert!(!name.is_empty(), "the name of a consumer group cannot be empty");
        Self {
            groups: vec![Group { name, subscriptions: Vec::new(), options: Options::default() }],
        }
    }

    /// Delivers the records of these topics to `subscriber`.
    ///
    /// The topics are a name, or an array or `Vec` of names. A topic may be subscribed to more than
    /// once: each subscription gets every record, which is done when all of them are done with it.
    ///
    /// # Panics
    ///
    /// If a topic is named twice, or no topic can have such a name; if the group subscribes to a
    /// topic already, with another ack policy or concurrency; if the dead letters of the
    /// subscription would come back to it.
    #[track_caller]
    pub fn subscribe<O, C>(
        mut self,
        topics: impl Into<Topics>,
        subscriber: Subscriber<S, O, C>,
    ) -> Self
    where
        O: IntoOutcome + 'static,
    {
        let Subscribed { plan, layers, policy, operation } = subscriber.subscribed();
        let topics = topics.into().checked(&policy);
        self.groups[0].add(Subscription { topics, policy, operation, plan, layers });
        self
    }

    /// Adds the groups of `other`. What both subscribe to in a group of the same name is read by one consumer.
    ///
    /// # Panics
    ///
    /// If both have a group of the same name with different options, or with subscriptions to one
    /// topic that do not go together.
    #[track_caller]
    pub fn merge(mut self, other: Self) -> Self {
        for group in other.groups {
            match self.groups.iter_mut().find(|known| known.name == group.name) {
                Some(known) => known.merge(group),
                None => self.groups.push(group),
            }
        }
        self
    }

    /// Wraps every subscription added so far in a `tower` layer; the last added is outermost.
    ///
    /// See [`Subscriber::layer`].
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Delivery, Response = Outcome> + Clone + Send + Sync + 'static,
        <L::Service as Service<Delivery>>::Error: Into<BoxError>,
        <L::Service as Service<Delivery>>::Future: Send + 'static,
    {
        for subscription in self.groups.iter_mut().flat_map(|group| &mut group.subscriptions) {
            subscription.layers.push(layer.clone());
        }
        self
    }

    /// Supplies the state that handlers take as `State<T>`.
    pub fn with_state<S2: Clone + Send + Sync + 'static>(self, state: S) -> Router<S2> {
        Router { groups: self.groups.into_iter().map(|group| group.with_state(&state)).collect() }
    }

    /// What the subscriptions say of themselves: what generated documents are made of.
    pub fn operations(&self) -> impl Iterator<Item = (&str, &[Arc<str>], &Operation)> {
        self.groups.iter().flat_map(|group| {
            group.subscriptions.iter().map(|it| (&*group.name, &*it.topics, &it.operation))
        })
    }

    /// Begins at `start` where the group has committed nothing; the default is the earliest record,
    /// because what was written before the first start would otherwise never be read.
    pub fn start_at(self, start: StartAt) -> Self {
        self.with_options(|options| options.start = start)
    }

    /// Commits what is done at this interval; the default is 1 s.
    pub fn commit_interval(self, interval: Duration) -> Self {
        self.with_options(|options| options.commit_interval = interval)
    }

    /// Commits also as soon as this many records are done; the default is 100,000.
    pub fn commit_every(self, records: usize) -> Self {
        self.with_options(|options| options.commit_every = records.max(1))
    }

    /// Waits this long for calls that run, when partitions are revoked or the service shuts down; the
    /// default is 20 s. On a revoke, half of `max.poll.interval.ms` is the upper bound.
    pub fn drain_timeout(self, timeout: Duration) -> Self {
        self.with_options(|options| options.drain_timeout = timeout)
    }

    /// Holds a partition back while so many of its records, or bytes, wait for their handler; the
    /// default is 1,000 records or 4 MiB. The other partitions run on.
    pub fn buffer(self, records: usize, bytes: usize) -> Self {
        self.with_options(|options| options.buffer = (records.max(1), bytes.max(1)))
    }

    /// Has at most so many replies, or bytes of them, on their way to the broker at once; the default
    /// is 50,000 replies or 32 MiB. At the bound, handlers wait.
    pub fn max_in_flight(self, replies: usize, bytes: usize) -> Self {
        self.with_options(|options| options.max_in_flight = (replies.max(1), bytes.max(1)))
    }

    fn with_options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.groups[0].options);
        self
    }

    pub(crate) fn into_groups(self) -> Vec<Group<S>> {
        self.groups
    }
}

impl<S: Clone + Send + Sync + 'static> Group<S> {
    #[track_caller]
    fn add(&mut self, new: Subscription<S>) {
        for old in &self.subscriptions {
            let Some(topic) = new.topics.iter().find(|topic| old.topics.contains(topic)) else {
                continue;
            };
            let (was, is) = (&old.policy, &new.policy);
            assert!(
                was.ack == is.ack && was.concurrency == is.concurrency,
                "group `{}` subscribes to topic `{topic}` twice, with options that do not go together: \
                 {:?} with {:?}, and {:?} with {:?}",
                self.name,
                was.ack,
                was.concurrency,
                is.ack,
                is.concurrency,
            );
        }
        self.subscriptions.push(new);
    }

    #[track_caller]
    fn merge(&mut self, other: Self) {
        let name = &self.name;
        assert!(
            self.options == other.options,
            "group `{name}` is merged with itself, with different options"
        );
        other.subscriptions.into_iter().for_each(|subscription| self.add(subscription));
    }

    fn with_state<S2: Clone + Send + Sync + 'static>(self, state: &S) -> Group<S2> {
        let subscriptions = self.subscriptions.into_iter().map(|it| Subscription {
            topics: it.topics,
            policy: it.policy,
            operation: it.operation,
            plan: Arc::new(Supplied { plan: it.plan, state: state.clone() }) as Arc<dyn Plan<S2>>,
            layers: it.layers,
        });
        Group { name: self.name, subscriptions: subscriptions.collect(), options: self.options }
    }
}

impl Subscription<()> {
    /// What lanes run for it.
    pub(crate) fn runner(&self) -> Runner {
        self.layers.runner(&*self.plan, (), self.policy.timeout)
    }
}

/// A handler that has its state already.
struct Supplied<S> {
    plan: Arc<dyn Plan<S>>,
    state: S,
}

impl<S: Clone + Send + Sync, S2> Plan<S2> for Supplied<S> {
    fn route(&self, _: S2) -> Route {
        self.plan.route(self.state.clone())
    }

    fn runner(&self, _: S2) -> Runner {
        self.plan.runner(self.state.clone())
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topics = |group: &Group<S>| {
            group.subscriptions.iter().flat_map(|it| it.topics.clone()).collect::<Vec<_>>()
        };
        f.debug_map().entries(self.groups.iter().map(|group| (&group.name, topics(group)))).finish()
    }
}
