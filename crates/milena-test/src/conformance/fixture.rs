use crate::conformance::admin::Admin;
use milena_core::{
    Error,
    record::TopicPartition,
    transport::{BoxFuture, ConsumerConfig, Transport},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// A driver under test, with what the suite needs to know of it.
pub struct Fixture {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) guarantees: Guarantees,
    pub(super) config: ConsumerConfig,
    admin: Option<Box<dyn Admin>>,
    hole: Option<Hole>,
    hold: Option<(Hook, Hook)>,
}

type Hole = Box<dyn Fn(TopicPartition) -> BoxFuture<'static, ()> + Send + Sync>;
type Hook = Box<dyn Fn() + Send + Sync>;

/// What a driver promises, and how long its promises take.
///
/// ```
/// # use milena_test::conformance::Guarantees;
/// let kafka = Guarantees { max_record_bytes: Some(1_000_000), ..Guarantees::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Guarantees {
    /// How long anything may take before it counts as broken; 30 seconds by default.
    pub patience: Duration,
    /// How long to look whether something happens that must not; a second by default.
    pub moment: Duration,
    /// A record of more bytes than this is too large, and one of half as many is not; `None` tests neither.
    pub max_record_bytes: Option<usize>,
    /// A producer that waits for this many answers has no room; `None` does not test it.
    pub room: Option<usize>,
    /// Whether it is an error to write or subscribe to a topic that does not exist.
    pub refuses_unknown_topics: bool,
    /// Whether a commit for a partition that is another member's is refused.
    pub refuses_commits_of_others: bool,
    /// Whether a consumer that is dropped without being closed leaves its group at once.
    pub leaves_when_dropped: bool,
    /// Whether a rebalance leaves members what nobody else gets; else it takes everything from everybody.
    pub rebalances_in_part: bool,
    /// Whether it has transactions.
    pub transactions: bool,
}

impl Default for Guarantees {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(30),
            moment: Duration::from_secs(1),
            max_record_bytes: None,
            room: None,
            refuses_unknown_topics: false,
            refuses_commits_of_others: false,
            leaves_when_dropped: false,
            rebalances_in_part: true,
            transactions: false,
        }
    }
}

impl Fixture {
    /// A driver that promises what every driver does.
    pub fn new(transport: impl Transport) -> Self {
        Self {
            transport: Arc::new(transport),
            guarantees: Guarantees::default(),
            config: ConsumerConfig::default(),
            admin: None,
            hole: None,
            hold: None,
        }
    }

    /// With these promises.
    #[must_use]
    pub fn guarantees(self, guarantees: Guarantees) -> Self {
        Self { guarantees, ..self }
    }

    /// With this configuration of every consumer.
    #[must_use]
    pub fn config(self, config: ConsumerConfig) -> Self {
        Self { config, ..self }
    }

    /// With somebody who can delete what stands in the broker.
    #[must_use]
    pub fn with_admin(self, admin: impl Admin) -> Self {
        Self { admin: Some(Box::new(admin)), ..self }
    }

    /// With a way to append at least one offset to a partition that holds no record, such as the
    /// marker of a transaction.
    #[must_use]
    pub fn hole(
        self,
        hole: impl Fn(TopicPartition) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        Self { hole: Some(Box::new(hole)), ..self }
    }

    /// With a way to keep the broker's answers to producers back, and to let them go again. Without
    /// it, the driver under test should take so long to answer that its producers run full.
    #[must_use]
    pub fn hold_deliveries(
        self,
        hold: impl Fn() + Send + Sync + 'static,
        release: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { hold: Some((Box::new(hold), Box::new(release))), ..self }
    }

    /// Makes a hole, or says that it cannot.
    pub(super) async fn make_hole(&self, place: TopicPartition) -> bool {
        let Some(hole) = &self.hole else { return false };
        self.within("there is a hole", hole(place)).await;
        true
    }

    /// Who can change what stands in the broker, where there is somebody.
    pub(super) fn admin(&self) -> Option<&dyn Admin> {
        self.admin.as_deref()
    }

    /// Keeps answers back if that can be done, and says whether it can.
    pub(super) fn hold(&self) -> bool {
        self.hold.as_ref().map(|(hold, _)| hold()).is_some()
    }

    pub(super) fn release(&self) {
        if let Some((_, release)) = &self.hold {
            release();
        }
    }

    /// Waits for something that has to happen.
    pub(super) async fn within<T>(&self, what: &str, happens: impl Future<Output = T>) -> T {
        let patience = self.guarantees.patience;
        let result = tokio::time::timeout(patience, happens).await;
        result.unwrap_or_else(|_| panic!("waited {patience:?} in vain until {what}"))
    }

    /// Waits for a task, and panics as it does.
    pub(super) async fn joined<T>(&self, what: &str, task: JoinHandle<T>) -> T {
        match self.within(what, task).await {
            Ok(value) => value,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    pub(super) async fn done<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> T {
        let result = self.within(what, call).await;
        result.unwrap_or_else(|error| panic!("waited until {what}: {error:?}"))
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("guarantees", &self.guarantees).finish_non_exhaustive()
    }
}
