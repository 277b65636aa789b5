//! Looking at a consumer group while it runs, and steering it.

mod ask;
mod health;
mod incident;
mod scope;
mod status;

pub(crate) use self::{
    ask::{Ask, Outer, Reply},
    incident::{News, Newsstand},
};
pub use self::{
    health::{Concern, Health},
    incident::{Incident, Incidents},
    scope::Scope,
    status::PartitionStatus,
};

use crate::listener::{SeekTo, resolve};
use milena_core::{
    error::{Error, ErrorKind},
    extract::{FromRecord, Rejection},
    record::{Record, TopicPartition},
    transport::Lookup,
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc::UnboundedSender, oneshot},
    time::timeout,
};

/// Looks at a consumer group of this process, and steers it.
///
/// [`Serve::control`](crate::serve::Serve::control) gives one, and it is an extractor. It is a handle:
/// clones steer the same group. Before the service has joined, and behind its end, what it is asked is an error.
///
/// ```no_run
/// use milena::{Memory, Router, each};
///
/// # async fn bill() {}
/// # #[cfg(feature = "memory")]
/// # async fn run() -> Result<(), milena::Error> {
/// let service = milena::serve(Memory::new(), Router::new("billing").subscribe("orders", each(bill)));
/// let control = service.control("billing");
/// tokio::spawn(async move {
///     control.pause("orders").await?;
///     // ... the database is mended ...
///     control.resume("orders").await
/// });
/// service.await
/// # }
/// ```
///
/// # Cancel safety
///
/// What was asked is done even if the future is dropped.
#[derive(Clone)]
pub struct Control {
    group: Arc<str>,
    asks: UnboundedSender<Ask>,
    news: Newsstand,
}

impl Control {
    pub(crate) fn new(group: Arc<str>, asks: UnboundedSender<Ask>, news: &News) -> Self {
        Self { group, asks, news: news.stand() }
    }

    /// The consumer group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// How each partition of this member stands.
    ///
    /// # Errors
    ///
    /// The service does not run.
    pub async fn status(&self) -> Result<Vec<PartitionStatus>, Error> {
        self.ask(Ask::Status).await
    }

    /// The partitions of this member.
    ///
    /// # Errors
    ///
    /// The service does not run.
    pub async fn assignment(&self) -> Result<Vec<TopicPartition>, Error> {
        Ok(self.status().await?.into_iter().map(|status| status.partition).collect())
    }

    /// The offset of the record that is delivered next.
    ///
    /// # Errors
    ///
    /// The partition is not this member's, or nothing was read of it and the broker does not say where that would begin.
    pub async fn position(&self, at: &TopicPartition) -> Result<i64, Error> {
        match self.of(at).await?.position {
            Some(position) => Ok(position),
            None => resolve(&*self.lookup().await?, at, SeekTo::Committed).await,
        }
    }

    /// What the group has committed, as the broker has it; `None` is nothing.
    ///
    /// # Errors
    ///
    /// The service does not run, or the broker does not answer.
    pub async fn committed(&self, at: &TopicPartition) -> Result<Option<i64>, Error> {
        let answer = self.lookup().await?.committed(vec![at.clone()]).await?;
        Ok(answer.into_iter().next().flatten())
    }

    /// The offset behind the newest record that can be read, as the broker has it now.
    ///
    /// # Errors
    ///
    /// The service does not run, or the broker does not answer.
    pub async fn high_watermark(&self, at: &TopicPartition) -> Result<i64, Error> {
        resolve(&*self.lookup().await?, at, SeekTo::End).await
    }

    /// How many offsets lie between what is done and the newest record.
    ///
    /// # Errors
    ///
    /// The partition is not this member's, or the broker does not answer.
    pub async fn lag(&self, at: &TopicPartition) -> Result<i64, Error> {
        let done = match self.of(at).await?.done {
            Some(done) => done,
            None => resolve(&*self.lookup().await?, at, SeekTo::Committed).await?,
        };
        Ok((self.high_watermark(at).await? - done).max(0))
    }

    /// The offsets that were delivered and are not done, in order; 1,000 at most.
    ///
    /// # Errors
    ///
    /// The partition is not this member's.
    pub async fn unsettled(&self, at: &TopicPartition) -> Result<Vec<i64>, Error> {
        Ok(self.of(at).await?.unsettled)
    }

    /// Has no call begin with records of a topic, or of a partition, until [`resume`](Self::resume). Calls
    /// that run go on. A topic stays paused over rebalances; a partition until it is revoked.
    ///
    /// # Errors
    ///
    /// The partition is not this member's, or the topic is not subscribed to.
    pub async fn pause(&self, what: impl Into<Scope>) -> Result<(), Error> {
        let what = what.into();
        self.ask(|reply| Ask::Pause(what, true, reply)).await?
    }

    /// Lets calls begin again.
    ///
    /// # Errors
    ///
    /// The partition is not this member's, or the topic is not subscribed to.
    pub async fn resume(&self, what: impl Into<Scope>) -> Result<(), Error> {
        let what = what.into();
        self.ask(|reply| Ask::Pause(what, false, reply)).await?
    }

    /// Has no call begin at all, until [`resume_flow`](Self::resume_flow).
    ///
    /// # Errors
    ///
    /// The service does not run.
    pub async fn stop_flow(&self) -> Result<(), Error> {
        self.ask(|reply| Ask::Flow(false, reply)).await
    }

    /// Lets calls begin again, but for what is paused.
    ///
    /// # Errors
    ///
    /// The service does not run.
    pub async fn resume_flow(&self) -> Result<(), Error> {
        self.ask(|reply| Ask::Flow(true, reply)).await
    }

    /// Goes on reading a partition somewhere else, and returns when that is so.
    ///
    /// What waits is dropped, and calls that run may end first, for as long as the
    /// [drain timeout](crate::Router::drain_timeout) says. The new offset is committed.
    ///
    /// # Errors
    ///
    /// The partition is not this member's, or was taken from it meanwhile.
    pub async fn seek(&self, at: &TopicPartition, to: impl Into<SeekTo>) -> Result<(), Error> {
        let to = resolve(&*self.lookup().await?, at, to.into()).await?;
        self.ask(|reply| Ask::Seek(at.clone(), to, reply)).await?
    }

    /// Commits what is done, now. Calls at the same time are one commit.
    ///
    /// # Errors
    ///
    /// The broker refused it.
    pub async fn commit(&self) -> Result<(), Error> {
        self.ask(|reply| Ask::Commit(None, reply)).await?
    }

    /// Commits what is done in these topics, now.
    ///
    /// # Errors
    ///
    /// The broker refused it.
    pub async fn commit_topics<T: Into<Arc<str>>>(
        &self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        let topics = topics.into_iter().map(Into::into).collect();
        self.ask(|reply| Ask::Commit(Some(topics), reply)).await?
    }

    /// Waits until everything that was delivered is done, this long at most, and says how many records
    /// are not.
    ///
    /// # Errors
    ///
    /// The service does not run.
    pub async fn wait_empty(&self, within: Duration) -> Result<usize, Error> {
        match timeout(within, self.ask(Ask::WaitEmpty)).await {
            Ok(empty) => empty.map(|()| 0),
            Err(_) => Ok(self.status().await?.iter().map(|status| status.in_work).sum()),
        }
    }

    /// Stops the service in good order, as a signal does.
    ///
    /// # Errors
    ///
    /// The service does not run.
    pub async fn stop(&self) -> Result<(), Error> {
        self.ask(Ask::Stop).await
    }

    /// What goes wrong from now on, as it happens.
    pub fn incidents(&self) -> Incidents {
        self.news.subscribe()
    }

    /// What is wrong now.
    ///
    /// # Errors
    ///
    /// The service does not run.
    pub async fn health(&self) -> Result<Health, Error> {
        self.ask(Ask::Health).await
    }

    async fn of(&self, at: &TopicPartition) -> Result<PartitionStatus, Error> {
        let status = self.status().await?.into_iter().find(|status| status.partition == *at);
        status.ok_or_else(|| not_assigned("look at", at))
    }

    async fn lookup(&self) -> Result<Arc<dyn Lookup>, Error> {
        self.ask(Ask::Lookup).await
    }

    pub(crate) async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let ended = || {
            let message = format!("could not reach group `{}`: it does not run", self.group);
            Error::new(ErrorKind::Driver, message)
        };
        self.asks.send(ask(reply)).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())
    }
}

/// The error of a call for a partition that is not this member's.
pub(crate) fn not_assigned(verb: &str, at: &TopicPartition) -> Error {
    let message = format!("could not {verb} `{at}`: it is not this member's");
    Error::new(ErrorKind::NotAssigned, message)
}

impl<S: Sync> FromRecord<S> for Control {
    type Rejection = Rejection;

    async fn from_record(record: &Record, _state: &S) -> Result<Self, Rejection> {
        record
            .extension::<Self>()
            .cloned()
            .ok_or_else(|| Rejection::new("control", "the record is not part of a running service"))
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Control").field(&self.group).finish()
    }
}
