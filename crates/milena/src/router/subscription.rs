use super::{Described, Scopes, Topics};
use crate::{
    route::{Plan, Replies, Route, Runner},
    subscriber::{About, Around, Offered, Policy, Subscribed, Subscriber},
};
use milena_core::handler::IntoOutcome;
use std::{borrow::Cow, fmt, panic::Location, sync::Arc};

/// Topics, a handler, and how their records are delivered to it; [`subscription`] makes one.
#[must_use = "a subscription does nothing until a router has it"]
pub struct Subscription<S = ()> {
    topics: Topics,
    to: Subscribed<S>,
    pub(super) scopes: Scopes,
    pub(super) at: &'static Location<'static>,
}

/// A subscription as a value, which a router takes with [`subscribe_all`](crate::Router::subscribe_all).
///
/// So a module can have a list of what it subscribes to, whoever makes a router of it:
///
/// ```
/// use milena::{Router, each, router::{Subscription, subscription}};
///
/// mod billing {
///     # use milena::{each, router::{Subscription, subscription}};
///     # async fn bill() {}
///     # async fn pay_back() {}
///     pub fn subscriptions() -> Vec<Subscription> {
///         vec![subscription("orders", each(bill)), subscription("refunds", each(pay_back).dead_letters())]
///     }
/// }
///
/// let router = Router::new("billing").subscribe_all(billing::subscriptions());
/// assert_eq!(router.operations().count(), 2);
/// ```
///
/// # Panics
///
/// As [`Router::subscribe`](crate::Router::subscribe).
#[track_caller]
pub fn subscription<S, O, C>(
    topics: impl Into<Topics>,
    subscriber: Subscriber<S, O, C>,
) -> Subscription<S>
where
    S: Clone + Send + Sync + 'static,
    O: IntoOutcome<C> + 'static,
    C: 'static,
{
    let topics = topics.into();
    topics.check();
    let (to, scopes) = (subscriber.subscribed(), Scopes::default());
    Subscription { topics, to, scopes, at: Location::caller() }
}

impl<S> Subscription<S> {
    /// What is read, within these scopes.
    pub(super) fn topics(&self, scopes: &Scopes) -> Cow<'_, Topics> {
        match scopes.prefix() {
            prefix if prefix.is_empty() => Cow::Borrowed(&self.topics),
            prefix => Cow::Owned(self.topics.prefixed(&prefix)),
        }
    }

    pub(super) fn policy(&self, scopes: &Scopes) -> Policy {
        scopes.given(&self.to.given).policy(self.to.batching.clone())
    }

    /// Whether it says by itself when records count as done.
    pub(super) fn says_ack(&self) -> bool {
        self.to.given.ack.is_some()
    }

    /// The types of its handlers.
    pub(super) fn handlers(&self) -> impl Iterator<Item = &'static str> {
        self.to.arms.iter().map(|arm| arm.about.operation.handler)
    }

    /// What it says of itself within these scopes, with its first handler.
    pub(super) fn describe<'a>(&'a self, group: &'a str, scopes: &Scopes) -> Described<'a> {
        let (topics, prefix) = (self.topics(scopes), scopes.prefix());
        let failing = self.policy(scopes).failing;
        let dead_letters = failing.dead_letters().map(|letters| topics.dead_letters(letters));
        let mut operations =
            self.to.arms.iter().map(|arm| arm.about.describe(&prefix, scopes.include_in_schema()));
        Described {
            group,
            topics,
            operation: operations.next().unwrap_or_default(),
            alternatives: operations.collect(),
            dead_letters: dead_letters.unwrap_or_default(),
            at: self.at,
        }
    }

    pub(super) fn with_state<S2>(self, state: &S) -> Subscription<S2>
    where
        S: Clone + Send + Sync + 'static,
    {
        let to = self.to.replan(|plan| Arc::new(Supplied { plan, state: state.clone() }));
        Subscription { topics: self.topics, to, scopes: self.scopes, at: self.at }
    }
}

impl Subscription<()> {
    /// What the runtime gets.
    pub(crate) fn offered(&self, group: &str) -> Offered {
        let (policy, prefix) = (self.policy(&self.scopes), self.scopes.prefix());
        let described = self.describe(group, &self.scopes);
        let wrap = |about: &About, route: Route| {
            let operation = about.describe(&prefix, self.scopes.include_in_schema());
            let described = Described { operation, alternatives: Vec::new(), ..described.clone() };
            self.scopes.wrap(&described, route)
        };
        let around = Around {
            prefix: &prefix,
            maps: self.scopes.maps(),
            wrap: if self.scopes.has_layers() { Some(&wrap) } else { None },
        };
        Offered {
            selection: described.topics.selection().clone(),
            runner: self.to.runner(&around, policy.timeout),
            policy,
            publish_layers: self.scopes.publish_layers(),
            answering: self.to.answering(&around.maps),
            listener: self.to.listener.clone(),
        }
    }
}

impl<S> fmt::Debug for Subscription<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handlers: Vec<_> = self.handlers().collect();
        f.debug_struct("Subscription")
            .field("topics", &self.topics)
            .field("handlers", &handlers)
            .finish_non_exhaustive()
    }
}

/// A handler that has its state already.
struct Supplied<S> {
    plan: Arc<dyn Plan<S>>,
    state: S,
}

impl<S: Clone + Send + Sync, S2> Plan<S2> for Supplied<S> {
    fn route(&self, _: S2, replies: &Replies) -> Route {
        self.plan.route(self.state.clone(), replies)
    }

    fn runner(&self, _: S2, replies: &Replies) -> Runner {
        self.plan.runner(self.state.clone(), replies)
    }

    fn within(&self, route: Route) -> Runner {
        self.plan.within(route)
    }
}
