//! Consumer groups, what they subscribe to, and how the records are delivered.

mod assembly;
mod consumes;
mod described;
mod exactly_once;
mod group;
mod names;
mod nest;
mod options;
mod produces;
mod publishers;
mod scope;
mod settings;
mod shared;
mod subscription;
mod topics;
mod traced;
mod watchdog;

pub use self::{
    consumes::{Bare, Consumes, Said},
    described::Described,
    exactly_once::TransactionalIds,
    produces::Produces,
    subscription::{Subscription, subscription},
    topics::{Partitions, Topics},
    watchdog::Watchdog,
};
pub use crate::{
    listener::{Listener, Rebalance, RebalanceListener, SeekTo, on_assigned, on_lost, on_revoked},
    route::{IntoRecord, Refused, Replies, Route},
    subscriber::{
        AckPolicy, Alternatives, Breaker, Concurrency, Published, Subscriber, by_partition,
    },
};
pub use milena_core::handler::{self, Batched, Each};

pub(crate) use self::produces::target_of;
pub(crate) use self::{group::Group, names::check as check_topic, options::Options, scope::Scope};
use self::{publishers::Declaration, scope::Scopes};
use milena_core::handler::IntoOutcome;
use std::{fmt, sync::Arc};

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
    scope: Scope,
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
        Self { scope: Scope::default(), groups: vec![Group::new(name)] }
    }

    /// Delivers the records of these topics to `subscriber`.
    ///
    /// The topics are a name, an array or `Vec` of names, a pattern ([`Topics::matching`]), or certain
    /// [`Partitions`]. A topic may be subscribed to more than once: each subscription gets every record,
    /// which is done when all of them are done with it.
    ///
    /// # Panics
    ///
    /// If a topic is named twice, or no topic can have such a name. What depends on the routers around
    /// is looked at when the router is served: [`serve`](fn@crate::serve) panics if a group subscribes to a
    /// topic twice, with another ack policy or concurrency; if the dead letters of a subscription would come
    /// back to it; if a prefix makes a name too long; if topics and partitions are mixed in a group.
    #[track_caller]
    pub fn subscribe<O, C>(self, topics: impl Into<Topics>, subscriber: Subscriber<S, O, C>) -> Self
    where
        O: IntoOutcome<C> + 'static,
        C: 'static,
    {
        self.subscribe_all([subscription(topics, subscriber)])
    }

    /// Supplies the state that handlers take as `State<T>`.
    pub fn with_state<S2: Clone + Send + Sync + 'static>(self, state: S) -> Router<S2> {
        let groups = self.groups.into_iter().map(|group| group.with_state(&state)).collect();
        Router { scope: self.scope, groups }
    }

    /// What the subscriptions say of themselves: what generated documents are made of.
    ///
    /// Topics have the prefixes of this router and of those inside.
    pub fn operations(&self) -> impl Iterator<Item = Described<'_>> {
        let scope = Arc::new(self.scope.clone());
        self.groups.iter().flat_map(move |group| {
            let scope = scope.clone();
            group.subscriptions.iter().map(move |subscription| {
                subscription.describe(group.name(), &subscription.scopes.within(&scope))
            })
        })
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups.iter().map(|group| (group.name(), &group.subscriptions));
        f.debug_map().entries(groups).finish()
    }
}
