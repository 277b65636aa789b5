use super::{Moment, Rebalance, RebalanceListener};
use futures_util::future::{BoxFuture, FutureExt};
use milena_core::error::BoxError;
use std::{fmt, sync::Arc};

type Call = Arc<dyn Fn(Rebalance) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;

/// A [`RebalanceListener`] that is made of functions; [`on_assigned`], [`on_revoked`] and [`on_lost`] begin one.
#[derive(Clone, Default)]
#[must_use = "a listener hears nothing until a router has it"]
pub struct Listener {
    revoked: Option<Call>,
    assigned: Option<Call>,
    lost: Option<Call>,
}

/// Calls `function` when partitions are assigned, before their first record is delivered.
///
/// ```
/// use milena::{Router, error::BoxError, router::{Rebalance, SeekTo, on_assigned}};
///
/// async fn rewind(rebalance: Rebalance) -> Result<(), BoxError> {
///     for partition in rebalance.partitions() {
///         rebalance.seek(partition, SeekTo::Beginning).await?;
///     }
///     Ok(())
/// }
///
/// async fn tell(rebalance: Rebalance) -> Result<(), BoxError> {
///     println!("gone: {:?}", rebalance.partitions());
///     Ok(())
/// }
///
/// # let _: Router =
/// Router::new("replay").on_rebalance(on_assigned(rewind).on_revoked(tell))
/// # ;
/// ```
pub fn on_assigned<F, Fut>(function: F) -> Listener
where
    F: Fn(Rebalance) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    Listener::default().on_assigned(function)
}

/// Calls `function` when partitions are revoked, before another member gets them.
pub fn on_revoked<F, Fut>(function: F) -> Listener
where
    F: Fn(Rebalance) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    Listener::default().on_revoked(function)
}

/// Calls `function` when partitions were lost.
pub fn on_lost<F, Fut>(function: F) -> Listener
where
    F: Fn(Rebalance) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    Listener::default().on_lost(function)
}

impl Listener {
    /// The same, with this function for assignments.
    pub fn on_assigned<F, Fut>(self, function: F) -> Self
    where
        F: Fn(Rebalance) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self { assigned: Some(call(function)), ..self }
    }

    /// The same, with this function for revokes.
    pub fn on_revoked<F, Fut>(self, function: F) -> Self
    where
        F: Fn(Rebalance) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self { revoked: Some(call(function)), ..self }
    }

    /// The same, with this function for what is lost.
    pub fn on_lost<F, Fut>(self, function: F) -> Self
    where
        F: Fn(Rebalance) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self { lost: Some(call(function)), ..self }
    }

    async fn call(&self, moment: Moment, rebalance: Rebalance) -> Result<(), BoxError> {
        let call = match moment {
            Moment::Revoked => &self.revoked,
            Moment::Assigned => &self.assigned,
            Moment::Lost => &self.lost,
        };
        match call {
            Some(call) => call(rebalance).await,
            None => Ok(()),
        }
    }
}

impl RebalanceListener for Listener {
    async fn on_partitions_revoked(&self, rebalance: Rebalance) -> Result<(), BoxError> {
        self.call(Moment::Revoked, rebalance).await
    }

    async fn on_partitions_assigned(&self, rebalance: Rebalance) -> Result<(), BoxError> {
        self.call(Moment::Assigned, rebalance).await
    }

    async fn on_partitions_lost(&self, rebalance: Rebalance) -> Result<(), BoxError> {
        self.call(Moment::Lost, rebalance).await
    }
}

fn call<F, Fut>(function: F) -> Call
where
    F: Fn(Rebalance) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    Arc::new(move |rebalance| function(rebalance).boxed())
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
