//! Handlers and how their records are delivered to them.

mod breaker;
mod concurrency;
mod dead_letters;
mod each;
mod failure;
mod policy;
mod replying;
mod retry;
mod words;

pub use self::{
    breaker::Breaker,
    concurrency::{Concurrency, by_key, by_partition, unordered},
    each::{batch, each},
    policy::AckPolicy,
    replying::Published,
    retry::Retry,
};
pub(crate) use concurrency::{NullKeys, Order};
pub(crate) use dead_letters::DeadLetters;
pub(crate) use policy::{Batching, Failing, Policy};
pub(crate) use replying::Replying;

use crate::{
    listener::{Listen, RebalanceListener},
    route::{Ending, Layers, Plan, Route, Runner, settling},
};
use milena_core::{
    error::BoxError,
    handler::{Batched, Delivery, IntoOutcome, Operation, Outcome},
    transport::Selection,
};
use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};
use tower::{Layer, Service};

/// A handler and how its records are delivered to it; [`each`] and [`batch`] make one.
///
/// `S` is the state that its arguments need, `O` what the handler returns, and `C` whether it is
/// called once a record or once a batch.
#[must_use = "a subscriber does nothing until a router subscribes it to a topic"]
pub struct Subscriber<S, O, C> {
    blueprint: Blueprint<S, O>,
    replies: Replying,
    layers: Layers,
    policy: Policy,
    operation: Operation,
    listener: Option<Arc<dyn Listen>>,
    cardinality: PhantomData<C>,
}

/// A handler, until it is known what becomes of its return value.
type Blueprint<S, O> = Box<dyn FnOnce(Ending<O>) -> Arc<dyn Plan<S>>>;

/// A handler whose return value is known to settle its record, with everything that was said of it.
pub(crate) struct Subscribed<S> {
    pub(crate) plan: Arc<dyn Plan<S>>,
    pub(crate) layers: Layers,
    pub(crate) policy: Policy,
    pub(crate) operation: Operation,
    pub(crate) replies: Replying,
    pub(crate) listener: Option<Arc<dyn Listen>>,
}

impl<S> Subscribed<S> {
    /// The same with its plan made into another.
    pub(crate) fn replan<S2>(
        self,
        replan: impl FnOnce(Arc<dyn Plan<S>>) -> Arc<dyn Plan<S2>>,
    ) -> Subscribed<S2> {
        Subscribed {
            plan: replan(self.plan),
            layers: self.layers,
            policy: self.policy,
            operation: self.operation,
            replies: self.replies,
            listener: self.listener,
        }
    }
}

impl Subscribed<()> {
    /// What lanes run.
    pub(crate) fn runner(&self) -> Runner {
        self.layers.runner(&*self.plan, &self.replies.replies(), self.policy.timeout)
    }
}

/// A subscription as the runtime gets it.
pub(crate) struct Offered {
    pub(crate) selection: Selection,
    pub(crate) runner: Runner,
    pub(crate) policy: Policy,
    pub(crate) listener: Option<Arc<dyn Listen>>,
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Offered").field(&self.selection).finish()
    }
}

impl<S: 'static, O: 'static, C: 'static> Subscriber<S, O, C> {
    fn new<P: Plan<S> + 'static>(
        operation: Operation,
        plan: impl FnOnce(Ending<O>) -> P + 'static,
    ) -> Self {
        Self {
            blueprint: Box::new(move |ending| Arc::new(plan(ending))),
            replies: Replying::default(),
            layers: Layers::default(),
            policy: Policy::default(),
            operation,
            listener: None,
            cardinality: PhantomData,
        }
    }

    /// What a router keeps of it.
    pub(crate) fn subscribed(self) -> Subscribed<S>
    where
        O: IntoOutcome<C>,
    {
        Subscribed {
            plan: (self.blueprint)(settling()),
            layers: self.layers,
            policy: self.policy,
            operation: self.operation,
            replies: self.replies,
            listener: self.listener,
        }
    }
}

impl<S, O, C> Subscriber<S, O, C> {
    /// Says when a record counts as done; the default is [`AckPolicy::OnSuccess`].
    pub fn ack(mut self, ack: AckPolicy) -> Self {
        self.policy.ack = ack;
        self
    }

    /// Says how many records are in work at once; the default is [`by_partition`].
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.policy.concurrency = concurrency;
        self
    }

    /// Has `listener` hear when partitions of the topics of this subscription come and go.
    ///
    /// It hears of no others; [`Router::on_rebalance`](crate::Router::on_rebalance) hears of all.
    pub fn on_rebalance(self, listener: impl RebalanceListener) -> Self {
        Self { listener: Some(Arc::new(listener)), ..self }
    }

    /// Wraps the calls of the handler in a `tower` layer; the last added is outermost.
    ///
    /// A layer runs once an attempt, around the extractors and the handler, so a timeout bounds each
    /// attempt for itself.
    ///
    /// ```
    /// use milena::each;
    /// use tower::timeout::TimeoutLayer;
    /// use std::time::Duration;
    ///
    /// async fn work() {}
    ///
    /// # let _: milena::Router = milena::Router::new("group").subscribe("topic",
    /// each(work).layer(TimeoutLayer::new(Duration::from_secs(10)))
    /// # );
    /// ```
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Send + Sync + 'static,
        L::Service: Service<Delivery, Response = Outcome> + Clone + Send + Sync + 'static,
        <L::Service as Service<Delivery>>::Error: Into<BoxError>,
        <L::Service as Service<Delivery>>::Future: Send + 'static,
    {
        self.layers.push(layer);
        self
    }
}

impl<S, O> Subscriber<S, O, Batched> {
    /// A batch has at most this many records; the default is 100.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub fn max_records(mut self, max: usize) -> Self {
        assert!(max > 0, "a batch has at least one record");
        self.policy.batching.max_records = max;
        self
    }

    /// A batch is complete this long after its first record was received; the default is 100 ms.
    pub fn max_wait(mut self, max: Duration) -> Self {
        self.policy.batching.max_wait = max;
        self
    }

    /// A batch takes records of all partitions of the subscription, so that there is one batch at a
    /// time. Without this it is of one partition, and the partitions have their batches side by side.
    pub fn across_partitions(mut self) -> Self {
        self.policy.batching.across_partitions = true;
        self
    }
}

impl<S, O, C> fmt::Debug for Subscriber<S, O, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("policy", &self.policy).finish_non_exhaustive()
    }
}
