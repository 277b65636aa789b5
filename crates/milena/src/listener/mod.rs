//! What a user does when partitions come and go.

mod functions;
mod rebalance;

pub use self::{
    functions::{Listener, on_assigned, on_lost, on_revoked},
    rebalance::{Rebalance, SeekTo},
};
pub(crate) use rebalance::{Reach, resolve};

use futures_util::future::BoxFuture;
use milena_core::error::BoxError;
use std::sync::Arc;

/// Hears when partitions are assigned to a consumer, revoked from it, or lost.
///
/// One call is made at a time, in the order in which things happen:
///
/// - `on_partitions_assigned` returns before the first record of the partitions is delivered. What it
///   [seeks](Rebalance::seek) is where reading begins.
/// - `on_partitions_revoked` is called when the calls that ran have ended and what is done is committed, and
///   it returns before another member gets the partitions. It is also called when the service shuts down.
/// - `on_partitions_lost` is called when the group went on without this member: others may have the
///   partitions already, and nothing can be committed.
///
/// At the first assignment `on_partitions_revoked` is called with no partitions before it, as by aiokafka. An
/// error, a panic, or a call that takes longer than the [listener timeout](crate::Router::listener_timeout)
/// is logged and counted, and the rebalance goes on.
///
/// ```
/// use milena::{Router, error::BoxError, router::{Rebalance, RebalanceListener, SeekTo}};
///
/// /// Begins anew at each assignment.
/// struct Rewind;
///
/// impl RebalanceListener for Rewind {
///     async fn on_partitions_assigned(&self, rebalance: Rebalance) -> Result<(), BoxError> {
///         for partition in rebalance.partitions() {
///             rebalance.seek(partition, SeekTo::Beginning).await?;
///         }
///         Ok(())
///     }
/// }
///
/// # let _: Router =
/// Router::new("replay").on_rebalance(Rewind)
/// # ;
/// ```
///
/// The three methods do nothing unless they are written. Functions alone make a listener, too: see
/// [`on_assigned`].
pub trait RebalanceListener: Send + Sync + 'static {
    /// The partitions of `rebalance` are revoked.
    ///
    /// # Errors
    ///
    /// What is logged.
    fn on_partitions_revoked(
        &self,
        rebalance: Rebalance,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = rebalance;
        async { Ok(()) }
    }

    /// The partitions of `rebalance` are this member's from now on.
    ///
    /// # Errors
    ///
    /// What is logged.
    fn on_partitions_assigned(
        &self,
        rebalance: Rebalance,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = rebalance;
        async { Ok(()) }
    }

    /// The partitions of `rebalance` are somebody else's already.
    ///
    /// # Errors
    ///
    /// What is logged.
    fn on_partitions_lost(
        &self,
        rebalance: Rebalance,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = rebalance;
        async { Ok(()) }
    }
}

impl<L: RebalanceListener> RebalanceListener for Arc<L> {
    async fn on_partitions_revoked(&self, rebalance: Rebalance) -> Result<(), BoxError> {
        (**self).on_partitions_revoked(rebalance).await
    }

    async fn on_partitions_assigned(&self, rebalance: Rebalance) -> Result<(), BoxError> {
        (**self).on_partitions_assigned(rebalance).await
    }

    async fn on_partitions_lost(&self, rebalance: Rebalance) -> Result<(), BoxError> {
        (**self).on_partitions_lost(rebalance).await
    }
}

/// What a listener is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Moment {
    Revoked,
    Assigned,
    Lost,
}

impl Moment {
    /// The method that hears of it.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Revoked => "on_partitions_revoked",
            Self::Assigned => "on_partitions_assigned",
            Self::Lost => "on_partitions_lost",
        }
    }
}

/// A listener whose type is forgotten.
pub(crate) trait Listen: Send + Sync {
    fn hear(&self, moment: Moment, rebalance: Rebalance) -> BoxFuture<'_, Result<(), BoxError>>;
}

impl<L: RebalanceListener> Listen for L {
    fn hear(&self, moment: Moment, rebalance: Rebalance) -> BoxFuture<'_, Result<(), BoxError>> {
        match moment {
            Moment::Revoked => Box::pin(self.on_partitions_revoked(rebalance)),
            Moment::Assigned => Box::pin(self.on_partitions_assigned(rebalance)),
            Moment::Lost => Box::pin(self.on_partitions_lost(rebalance)),
        }
    }
}
