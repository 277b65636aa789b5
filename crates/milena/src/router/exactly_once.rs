use super::Router;
use std::sync::Arc;

/// Exactly once.
impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Publishes what comes of each record exactly once: in one transaction with the offsets of the records it came of,
    /// under this transactional id (KIP-447).
    ///
    /// ```
    /// use milena::{Router, each};
    /// # async fn bill(order: String) -> String { order }
    ///
    /// let router: Router = Router::new("billing")
    ///     .exactly_once("billing-1")
    ///     .subscribe("orders", each(bill).publish_to("invoices").dead_letter("orders.dead"));
    /// ```
    ///
    /// What a handler returns, dead letters, and what it hands to a [`Publisher`](crate::Publisher) of its cluster is
    /// kept until its record and all before it in the partition are done. Then it goes into the next transaction: one each
    /// [`commit_interval`](Self::commit_interval), which is 100 ms here if nothing was said, or each
    /// [`commit_every`](Self::commit_every) records. Consumers that read committed records, as those of Milena do, see
    /// it once, or not at all, whatever happens to this service and to the brokers. Handlers themselves can be called again
    /// with a record: behind a crash, or when partitions went to another member before the transaction.
    ///
    /// - An attempt that fails has published nothing.
    /// - A `Publisher` says at once that a record is published, at partition and offset -1, as it is part of the
    ///   transaction only when its call is a success. Questions ([`request`](crate::Publisher::request)) are asked at once,
    ///   outside of it, as is what tasks publish that a handler has spawned.
    /// - Records come of a partition in the order of its offsets, with every concurrency.
    /// - At most [`max_in_flight`](Self::max_in_flight) results are kept; more of a partition is read when they are published.
    /// - A dead letter that cannot be written holds up the results of all partitions.
    ///
    /// The id is that of one running instance. Two that have the same fence each other: the one that was there first
    /// ends with an error of kind [`Fenced`](crate::error::ErrorKind::Fenced). One that starts again, also behind a crash,
    /// best has its id again: that ends at once what it left open, for which others wait up to about 20 s otherwise.
    ///
    /// # Panics
    ///
    /// If the id is empty. When it is served, [`serve`](fn@crate::serve) refuses a router without a group, a consumer that
    /// reads uncommitted records, a subscription that acknowledges on receipt, and batches across partitions with an id for
    /// each partition.
    #[track_caller]
    pub fn exactly_once(mut self, id: impl Into<TransactionalIds>) -> Self {
        let ids = id.into();
        assert!(ids.0.as_deref() != Some(""), "a transactional id cannot be empty");
        self.groups[0].options.exactly_once = Some(ids);
        self
    }
}

/// The transactional ids of a consumer group that publishes [exactly once](Router::exactly_once).
///
/// ```
/// use milena::{Router, router::TransactionalIds};
///
/// # let _: Router =
/// Router::new("billing").exactly_once(TransactionalIds::per_partition())
/// # ;
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TransactionalIds(Option<Arc<str>>);

impl TransactionalIds {
    /// An id for each partition that is read, `{group_id}-0-{partition}`, whose transactional producer is whichever
    /// member has the partition, as Faust's `TransactionManager` has it. Topics share those of the same number.
    ///
    /// Instances need no ids of their own, and each member has as many transactions as partitions.
    pub fn per_partition() -> Self {
        Self(None)
    }

    pub(crate) fn is_per_partition(&self) -> bool {
        self.0.is_none()
    }

    /// The id for the results of this partition of a group, or of all.
    pub(crate) fn of(&self, group: &str, partition: Option<i32>) -> Arc<str> {
        match &self.0 {
            Some(id) => id.clone(),
            None => format!("{group}-0-{}", partition.unwrap_or_default()).into(),
        }
    }
}

impl<T: Into<Arc<str>>> From<T> for TransactionalIds {
    fn from(id: T) -> Self {
        Self(Some(id.into()))
    }
}
