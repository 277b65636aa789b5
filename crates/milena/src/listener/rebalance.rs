use futures_util::future::BoxFuture;
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
    transport::Lookup,
};
use std::{fmt, sync::Arc};

/// The partitions that a [`RebalanceListener`](super::RebalanceListener) is told of, and what can be done about them.
#[derive(Clone)]
pub struct Rebalance {
    partitions: Arc<[TopicPartition]>,
    reach: Arc<dyn Reach>,
}

/// Where reading is to go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SeekTo {
    /// At this offset.
    Offset(i64),
    /// At the oldest record.
    Beginning,
    /// Behind the newest record.
    End,
    /// At the first record of this time or a later one, in milliseconds since 1970; behind the newest if
    /// there is none.
    Time(i64),
    /// Where the group has committed; at the oldest record if it has committed nothing.
    Committed,
}

impl From<i64> for SeekTo {
    fn from(offset: i64) -> Self {
        Self::Offset(offset)
    }
}

impl Rebalance {
    pub(crate) fn new(partitions: Vec<TopicPartition>, reach: Arc<dyn Reach>) -> Self {
        Self { partitions: partitions.into(), reach }
    }

    /// The partitions.
    pub fn partitions(&self) -> &[TopicPartition] {
        &self.partitions
    }

    /// Has reading begin here. It works while partitions are assigned.
    ///
    /// # Errors
    ///
    /// The partition is not among those that are assigned here, or the broker does not say where that is.
    pub async fn seek(&self, at: &TopicPartition, to: impl Into<SeekTo>) -> Result<(), Error> {
        let to = to.into();
        self.check(at, "seek")?;
        self.reach.seek(at.clone(), to).await
    }

    /// The offset of the record that is read next; behind a revoke, of the first that is not done.
    ///
    /// # Errors
    ///
    /// The partition is not among these, or the broker does not answer.
    pub async fn position(&self, at: &TopicPartition) -> Result<i64, Error> {
        self.check(at, "find the position of")?;
        self.reach.position(at.clone()).await
    }

    /// What the group has committed; `None` is nothing.
    ///
    /// # Errors
    ///
    /// The broker does not answer.
    pub async fn committed(&self, at: &TopicPartition) -> Result<Option<i64>, Error> {
        self.reach.committed(at.clone()).await
    }

    /// Has no call begin with records of the partition, until [`Control::resume`](crate::serve::Control::resume).
    ///
    /// # Errors
    ///
    /// The partition is not among those that are assigned here.
    pub fn pause(&self, at: &TopicPartition) -> Result<(), Error> {
        self.check(at, "pause")?;
        self.reach.pause(at.clone())
    }

    /// Commits what is done, in all partitions.
    ///
    /// # Errors
    ///
    /// The broker refused it; behind a loss nothing can be committed.
    pub async fn commit(&self) -> Result<(), Error> {
        self.reach.commit().await
    }

    fn check(&self, at: &TopicPartition, verb: &str) -> Result<(), Error> {
        if self.partitions.contains(at) {
            return Ok(());
        }
        let message = format!("could not {verb} `{at}`: it is not part of this rebalance");
        Err(Error::new(ErrorKind::NotAssigned, message))
    }
}

impl fmt::Debug for Rebalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rebalance").field(&self.partitions).finish()
    }
}

/// What a listener reaches.
pub(crate) trait Reach: Send + Sync {
    fn seek(&self, at: TopicPartition, to: SeekTo) -> BoxFuture<'_, Result<(), Error>>;
    fn position(&self, at: TopicPartition) -> BoxFuture<'_, Result<i64, Error>>;
    fn committed(&self, at: TopicPartition) -> BoxFuture<'_, Result<Option<i64>, Error>>;
    fn pause(&self, at: TopicPartition) -> Result<(), Error>;
    fn commit(&self) -> BoxFuture<'_, Result<(), Error>>;
}

/// The offset that is meant.
pub(crate) async fn resolve(
    lookup: &dyn Lookup,
    at: &TopicPartition,
    to: SeekTo,
) -> Result<i64, Error> {
    let bounds = async || {
        let bounds = lookup.bounds(vec![at.clone()]).await?;
        bounds.into_iter().next().ok_or_else(|| unanswered(at))
    };
    let found = match to {
        SeekTo::Offset(offset) if offset < 0 => {
            let message = format!("could not seek in `{at}`: offset {offset} is negative");
            return Err(Error::new(ErrorKind::Config, message));
        }
        SeekTo::Offset(offset) => return Ok(offset),
        SeekTo::Beginning => return Ok(bounds().await?.start),
        SeekTo::End => return Ok(bounds().await?.end),
        SeekTo::Time(millis) => lookup.at_time(vec![(at.clone(), millis)]).await?,
        SeekTo::Committed => lookup.committed(vec![at.clone()]).await?,
    };
    match (found.into_iter().next().flatten(), to) {
        (Some(offset), _) => Ok(offset),
        (None, SeekTo::Time(_)) => Ok(bounds().await?.end),
        (None, _) => Ok(bounds().await?.start),
    }
}

fn unanswered(at: &TopicPartition) -> Error {
    Error::new(ErrorKind::Driver, format!("could not look up `{at}`: there was no answer"))
}
