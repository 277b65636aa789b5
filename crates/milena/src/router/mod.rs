//! Consumer groups, what they subscribe to, and how the records are delivered.

mod described;
mod group;
mod options;
mod topics;
mod watchdog;

pub use described::Described;
pub(crate) use group::Group;
use group::Subscription;
pub(crate) use options::Options;
pub use topics::{Partitions, Topics};
pub use watchdog::Watchdog;

pub use crate::{
    listener::{Listener, Rebalance, RebalanceListener, SeekTo, on_assigned, on_lost, on_revoked},
    route::Route,
    subscriber::{AckPolicy, Breaker, Concurrency, Published, Subscriber, by_partition},
};
pub use milena_core::handler::{self, Batched, Each};
use milena_core::{
    error::BoxError,
    handler::{Delivery, IntoOutcome, Outcome},
    transport::{ConsumerConfig, StartAt},
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
        Self::of(Some(name))
    }

    /// A router without a group: it has every partition of its topics, also those that are added, shares
    /// nothing with others, and commits nothing. Each start begins where [`start_at`](Self::start_at) says.
    pub fn without_group() -> Self {
        Self::of(None)
    }

    fn of(name: Option<Arc<str>>) -> Self {
        let options = Options::default();
        Self { groups: vec![Group { name, subscriptions: Vec::new(), options }] }
    }

    /// Delivers the records of these topics to `subscriber`.
    ///
    /// The topics are a name, an array or `Vec` of names, a pattern ([`Topics::matching`]), or certain
    /// [`Partitions`]. A topic may be subscribed to more than once: each subscription gets every record,
    /// which is done when all of them are done with it.
    ///
    /// # Panics
    ///
    /// If a topic is named twice, or no topic can have such a name; if the group subscribes to a
    /// topic already, with another ack policy or concurrency; if the dead letters of the
    /// subscription would come back to it; if topics and partitions are mixed in a group.
    #[track_caller]
    pub fn subscribe<O, C>(
        mut self,
        topics: impl Into<Topics>,
        subscriber: Subscriber<S, O, C>,
    ) -> Self
    where
        O: IntoOutcome<C> + 'static,
        C: 'static,
    {
        let to = subscriber.subscribed();
        let topics = topics.into().checked(&to.policy);
        self.groups[0].add(Subscription { topics, to });
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
            subscription.to.layers.push(layer.clone());
        }
        self
    }

    /// Supplies the state that handlers take as `State<T>`.
    pub fn with_state<S2: Clone + Send + Sync + 'static>(self, state: S) -> Router<S2> {
        Router { groups: self.groups.into_iter().map(|group| group.with_state(&state)).collect() }
    }

    /// What the subscriptions say of themselves: what generated documents are made of.
    pub fn operations(&self) -> impl Iterator<Item = Described<'_>> {
        self.groups.iter().flat_map(|group| {
            group.subscriptions.iter().map(|subscription| subscription.describe(group.name()))
        })
    }

    /// Has `listener` hear when partitions come and go; see [`RebalanceListener`]. Of several each hears.
    pub fn on_rebalance(mut self, listener: impl RebalanceListener) -> Self {
        self.groups[0].options.listeners.push(Arc::new(listener));
        self
    }

    /// Has the watchdog tell of partitions that make no progress at these limits; see [`Watchdog`].
    pub fn watchdog(self, watchdog: Watchdog) -> Self {
        self.with_options(|options| options.watchdog = Some(watchdog))
    }

    /// Has no watchdog.
    pub fn without_watchdog(self) -> Self {
        self.with_options(|options| options.watchdog = None)
    }

    /// Gives each call of a [`RebalanceListener`] this long; the default is 5 s. On a revoke, a quarter of
    /// `max.poll.interval.ms` is the upper bound.
    pub fn listener_timeout(self, timeout: Duration) -> Self {
        self.with_options(|options| options.listener_timeout = timeout)
    }

    /// Begins at `start` where the group has committed nothing. The default is what
    /// [`auto_offset_reset`](ConsumerConfig::auto_offset_reset) says, and else the earliest record,
    /// because what was written before the first start would otherwise never be read.
    pub fn start_at(self, start: StartAt) -> Self {
        self.with_options(|options| options.start = Some(start))
    }

    /// Configures the consumer of the group, over what was set before and over what the transport has.
    ///
    /// # Panics
    ///
    /// If an option cannot be used, on its own or together with the others.
    #[track_caller]
    #[expect(
        clippy::panic,
        clippy::needless_pass_by_value,
        reason = "said at assembly, as `key` is"
    )]
    pub fn consumer(self, config: ConsumerConfig) -> Self {
        let config = self.groups[0].options.consumer.clone().and(&config);
        if let Err(error) = config.validate() {
            panic!("{error} (group `{}`)", self.groups[0].name());
        }
        self.with_options(|options| options.consumer = config)
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

    /// Reads at most so many records, or bytes of them, behind a record that is not done; the default is
    /// 20,000 records or 16 MiB. At the bound its partition is held back, which is logged with the offset
    /// of the record; the other partitions run on.
    pub fn max_ahead(self, records: usize, bytes: usize) -> Self {
        self.with_options(|options| options.max_ahead = (records.max(1), bytes.max(1)))
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

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topics = |group: &Group<S>| {
            group.subscriptions.iter().map(|it| it.topics.clone()).collect::<Vec<_>>()
        };
        f.debug_map()
            .entries(self.groups.iter().map(|group| (group.name(), topics(group))))
            .finish()
    }
}
