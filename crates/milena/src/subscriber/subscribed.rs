use super::{Batching, Given, Policy, Replying};
use crate::{
    listener::Listen,
    publishing::PublishLayers,
    route::{Answering, Choice, Layers, Maps, Plan, Predicate, Replies, Route, Runner},
};
use milena_core::{handler::Operation, transport::Selection};
use std::{fmt, sync::Arc, time::Duration};

/// A subscriber whose handlers are known to settle their records, with everything that was said of it.
pub(crate) struct Subscribed<S> {
    /// At least one; of several, the first that takes a record is called with it.
    pub(crate) arms: Vec<Arm<S>>,
    pub(crate) given: Given,
    pub(crate) batching: Batching,
    pub(crate) listener: Option<Arc<dyn Listen>>,
}

/// A handler of a subscription.
pub(crate) struct Arm<S> {
    pub(crate) plan: Arc<dyn Plan<S>>,
    pub(crate) about: About,
}

/// What was said of a handler.
#[derive(Clone)]
pub(crate) struct About {
    pub(crate) operation: Operation,
    /// Which records it takes; `None` is all.
    pub(crate) when: Option<Predicate>,
    pub(crate) maps: Maps,
    pub(crate) layers: Layers,
    pub(crate) replies: Replying,
}

/// What the routers around a subscription add to each of its handlers.
pub(crate) struct Around<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) maps: Maps,
    /// `None` is nothing.
    pub(crate) wrap: Option<&'a WrapArm<'a>>,
}

type WrapArm<'a> = dyn Fn(&About, Route) -> Route + 'a;

/// A subscription as the runtime gets it.
pub(crate) struct Offered {
    pub(crate) selection: Selection,
    pub(crate) runner: Runner,
    pub(crate) policy: Policy,
    pub(crate) publish_layers: PublishLayers,
    /// Whether records that ask for an answer get one when they fail.
    pub(crate) answering: Answering,
    pub(crate) listener: Option<Arc<dyn Listen>>,
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Offered").field(&self.selection).finish()
    }
}

impl About {
    pub(crate) fn new(operation: Operation) -> Self {
        Self {
            operation,
            when: None,
            maps: Maps::default(),
            layers: Layers::default(),
            replies: Replying::default(),
        }
    }

    /// What becomes of the handler's value, under this prefix.
    fn ending(&self, prefix: &str) -> Replies {
        let answers = !self.operation.no_reply;
        Replies { answers, ..self.replies.replies(prefix) }
    }

    /// What documents tell of it, under this prefix.
    pub(crate) fn describe(&self, prefix: &str, include: bool) -> Operation {
        let mut operation = self.operation.clone();
        operation.replies = self.replies.described(prefix);
        operation.include_in_schema &= include;
        operation
    }
}

impl<S> Subscribed<S> {
    /// The same with its plans made into others.
    pub(crate) fn replan<S2>(
        self,
        replan: impl Fn(Arc<dyn Plan<S>>) -> Arc<dyn Plan<S2>>,
    ) -> Subscribed<S2> {
        let arms = self.arms.into_iter();
        Subscribed {
            arms: arms.map(|Arm { plan, about }| Arm { plan: replan(plan), about }).collect(),
            given: self.given,
            batching: self.batching,
            listener: self.listener,
        }
    }
}

impl Subscribed<()> {
    /// Whether failures of records that went through these maps are answered.
    pub(crate) fn answering(&self, maps: &Maps) -> Answering {
        let arms: Vec<_> =
            self.arms.iter().map(|arm| (arm.about.when.clone(), arm.answers())).collect();
        match (arms.iter().any(|(_, answers)| *answers), arms.iter().all(|(_, answers)| *answers)) {
            (false, _) => Answering::Never,
            (_, true) => Answering::Always,
            _ => Answering::differently(maps.clone(), arms),
        }
    }

    /// What lanes run: the handler itself when nothing is around it, which costs nothing a record.
    pub(crate) fn runner(&self, around: &Around<'_>, within: Option<Duration>) -> Runner {
        let Around { prefix, maps, .. } = around;
        let whole = |route: Route| maps.clone().before(route).bounded(within);
        match &self.arms[..] {
            [only] if only.is_bare() && around.is_nothing() && within.is_none() => {
                only.plan.runner((), &only.about.ending(prefix))
            }
            [only] if only.about.when.is_none() => only.plan.within(whole(only.route(around))),
            several => {
                let alternative = |arm: &Arm<()>| (arm.about.when.clone(), arm.route(around));
                let choice = Choice::new(several.iter().map(alternative));
                Runner::through(whole(Route::new(choice)))
            }
        }
    }
}

impl Arm<()> {
    fn answers(&self) -> bool {
        !self.about.operation.no_reply
    }

    fn is_bare(&self) -> bool {
        let About { when, maps, layers, .. } = &self.about;
        when.is_none() && maps.is_empty() && layers.is_empty()
    }

    /// The handler behind its maps and in its layers, which are in those of the routers.
    fn route(&self, around: &Around<'_>) -> Route {
        let About { layers, maps, .. } = &self.about;
        let route = layers.around(self.plan.route((), &self.about.ending(around.prefix)));
        let route = match around.wrap {
            Some(wrap) => wrap(&self.about, route),
            None => route,
        };
        maps.clone().before(route)
    }
}

impl Around<'_> {
    fn is_nothing(&self) -> bool {
        self.maps.is_empty() && self.wrap.is_none()
    }
}
