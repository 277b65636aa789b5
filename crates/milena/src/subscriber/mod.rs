//! Handlers and how their records are delivered to them.

mod around;
mod breaker;
mod choice;
mod concurrency;
mod dead_letters;
mod each;
mod failure;
mod policy;
mod replying;
mod retry;
mod subscribed;
mod words;

pub use self::{
    breaker::Breaker,
    choice::Alternatives,
    concurrency::{Concurrency, by_key, by_partition, unordered},
    each::{batch, each},
    policy::AckPolicy,
    replying::Published,
    retry::Retry,
};
pub(crate) use concurrency::{NullKeys, Order};
pub(crate) use dead_letters::DeadLetters;
pub(crate) use policy::{Batching, Failing, Given, Policy};
pub(crate) use replying::Replying;
pub(crate) use subscribed::{About, Arm, Around, Offered, Subscribed};

use crate::{
    listener::{Listen, RebalanceListener},
    route::{Ending, Plan, settling},
};
use milena_core::handler::{Batched, IntoOutcome, Operation};
use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

/// A handler and how its records are delivered to it; [`each`] and [`batch`] make one.
///
/// `S` is the state that its arguments need, `O` what the handler returns, and `C` whether it is
/// called once a record or once a batch.
#[must_use = "a subscriber does nothing until a router subscribes it to a topic"]
pub struct Subscriber<S, O, C> {
    body: Body<S, O>,
    given: Given,
    batching: Batching,
    listener: Option<Arc<dyn Listen>>,
    cardinality: PhantomData<C>,
}

/// The handlers of a subscriber.
enum Body<S, O> {
    /// One, of which it is not known yet what becomes of its return value.
    Open(Blueprint<S, O>, Box<About>),
    /// One or more of which that is known.
    Closed(Vec<Arm<S>>),
}

/// A handler, until it is known what becomes of its return value.
type Blueprint<S, O> = Box<dyn FnOnce(Ending<O>) -> Arc<dyn Plan<S>>>;

impl<S, O> Body<S, O> {
    /// The handlers, with return values that end so if it is not known yet how.
    fn close(self, ending: impl FnOnce() -> Ending<O>) -> Vec<Arm<S>> {
        match self {
            Self::Open(blueprint, about) => vec![Arm { plan: blueprint(ending()), about: *about }],
            Self::Closed(arms) => arms,
        }
    }

    /// What was said of each handler.
    fn abouts(&mut self) -> Vec<&mut About> {
        match self {
            Self::Open(_, about) => vec![about],
            Self::Closed(arms) => arms.iter_mut().map(|arm| &mut arm.about).collect(),
        }
    }

    /// The type of the first handler.
    fn handler(&self) -> &'static str {
        match self {
            Self::Open(_, about) => about.operation.handler,
            Self::Closed(arms) => arms.first().map_or("", |arm| arm.about.operation.handler),
        }
    }

    /// What was said of the first handler.
    fn first(&mut self) -> Option<&mut About> {
        match self {
            Self::Open(_, about) => Some(about),
            Self::Closed(arms) => arms.first_mut().map(|arm| &mut arm.about),
        }
    }
}

impl<S: 'static, O: 'static, C: 'static> Subscriber<S, O, C> {
    fn new<P: Plan<S> + 'static>(
        operation: Operation,
        plan: impl FnOnce(Ending<O>) -> P + 'static,
    ) -> Self {
        let blueprint = Box::new(move |ending| Arc::new(plan(ending)) as Arc<dyn Plan<S>>);
        Self {
            body: Body::Open(blueprint, Box::new(About::new(operation))),
            given: Given::default(),
            batching: Batching::default(),
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
            arms: self.body.close(settling),
            given: self.given,
            batching: self.batching,
            listener: self.listener,
        }
    }
}

impl<S, O, C> Subscriber<S, O, C> {
    /// The name of the type of its first handler.
    pub(crate) fn handler(&self) -> &'static str {
        self.body.handler()
    }

    /// Says when a record counts as done; the default is [`AckPolicy::OnSuccess`].
    pub fn ack(mut self, ack: AckPolicy) -> Self {
        self.given.ack = Some(ack);
        self
    }

    /// Says how many records are in work at once; the default is [`by_partition`].
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.given.concurrency = Some(concurrency);
        self
    }

    /// Has `listener` hear when partitions of the topics of this subscription come and go.
    ///
    /// It hears of no others; [`Router::on_rebalance`](crate::Router::on_rebalance) hears of all.
    pub fn on_rebalance(self, listener: impl RebalanceListener) -> Self {
        Self { listener: Some(Arc::new(listener)), ..self }
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
        self.batching.max_records = max;
        self
    }

    /// A batch is complete this long after its first record was received; the default is 100 ms.
    pub fn max_wait(mut self, max: Duration) -> Self {
        self.batching.max_wait = max;
        self
    }

    /// A batch takes records of all partitions of the subscription, so that there is one batch at a
    /// time. Without this it is of one partition, and the partitions have their batches side by side.
    pub fn across_partitions(mut self) -> Self {
        self.batching.across_partitions = true;
        self
    }
}

impl<S, O, C> fmt::Debug for Subscriber<S, O, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("given", &self.given).finish_non_exhaustive()
    }
}
