use super::{cluster::Cluster, subscribed::Subscribed};
use crate::{
    broker::Broker,
    calls::{Recorder, Recording},
    stand_in::StandIns,
};
use milena::{Router, router::Described};
use milena_core::{error::Error, transport::BoxFuture};
use std::{collections::BTreeSet, sync::Arc};

/// What is tested.
pub(super) enum Subject {
    Router(Router),
}

/// What tells a service to stop when it is ready.
pub(super) type Stopped = BoxFuture<'static, ()>;

/// What a service without named clusters is on.
const DEFAULT: &str = "default";

impl Subject {
    /// The names of its clusters, the default one first.
    pub(super) fn clusters(&self) -> Vec<Arc<str>> {
        match self {
            Self::Router(_) => vec![DEFAULT.into()],
        }
    }

    /// The same, with its calls recorded.
    pub(super) fn recorded(self, recorder: &Arc<Recorder>, stand_ins: StandIns) -> Self {
        let (recorder, stand_ins) = (recorder.clone(), Arc::new(stand_ins));
        match self {
            Self::Router(router) => Self::Router(
                router
                    .layer_with(move |described| Recording::new(&recorder, &stand_ins, described)),
            ),
        }
    }

    /// The service on these brokers, one for each of its clusters, as a future that runs it.
    pub(super) fn on(
        self,
        brokers: Vec<(Arc<str>, Broker)>,
        stopped: Stopped,
    ) -> (Vec<Cluster>, BoxFuture<'static, Result<(), Error>>) {
        let mut clusters: Vec<_> =
            brokers.into_iter().map(|(name, broker)| Cluster::new(name, broker)).collect();
        match self {
            Self::Router(router) => {
                let mut reads: Vec<_> = router.operations().map(|it| Subscribed::of(&it)).collect();
                let service = milena::serve(clusters[0].broker.transport(), router);
                reads.iter_mut().for_each(|it| it.control = Some(service.control(&it.group)));
                clusters[0].subscribed = reads;
                (clusters, service.with_shutdown(stopped).into_future())
            }
        }
    }

    /// The names of all handlers.
    pub(super) fn handlers(&self) -> BTreeSet<&'static str> {
        let of = |described: Described<'_>| {
            let alternatives = described.alternatives.into_iter();
            let all = std::iter::once(described.operation).chain(alternatives);
            all.map(|operation| operation.handler).collect::<Vec<_>>()
        };
        match self {
            Self::Router(router) => router.operations().flat_map(of).collect(),
        }
    }
}
