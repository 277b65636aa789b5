use super::{super::Note, Once, TIMEOUT};
use crate::runtime::counted;
use milena_core::{
    error::{Error, ErrorKind},
    transport::{BoxFuture, Producer, Transactions, Transport},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// How long to wait before the broker is asked again for a session.
const AGAIN: Duration = Duration::from_secs(1);

/// A transactional producer, as far as there is one.
#[derive(Debug)]
pub(crate) enum Session {
    Opening,
    Ready(Open),
    /// A transaction of it is under way.
    Out,
    /// There will be none.
    Over,
}

/// A transactional producer whose records are counted.
#[derive(Clone)]
pub(crate) struct Open {
    pub(crate) transactions: Arc<dyn Transactions>,
    pub(crate) producer: Arc<dyn Producer>,
}

/// How the opening of a session ended.
#[derive(Debug)]
pub(crate) struct Opened {
    key: Option<i32>,
    result: Result<Open, Error>,
}

/// What is needed for another session of an id.
#[derive(Clone)]
pub(crate) struct Opener {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) id: Arc<str>,
    pub(crate) cluster: Arc<str>,
    pub(crate) group: Arc<str>,
}

impl Opener {
    /// Opens a session, however long no broker can be reached. What the one before left open is over then.
    pub(crate) async fn open(&self) -> Result<Open, Error> {
        loop {
            let error = match self.transport.transactions(self.id.clone(), TIMEOUT).await {
                Ok(transactions) => {
                    let producer = counted(transactions.producer().clone(), &self.cluster);
                    return Ok(Open { transactions, producer });
                }
                Err(error) => error,
            };
            if matches!(error.kind(), ErrorKind::Config | ErrorKind::Unauthorized) {
                return Err(error);
            }
            tracing::warn!(group = %self.group, id = %self.id, %error, "a transactional producer cannot begin; it is tried again");
            sleep(AGAIN).await;
        }
    }
}

impl Once {
    /// Begins to open the session for this partition, or for all.
    pub(crate) fn open(&mut self, key: Option<i32>) {
        self.sessions.insert(key, Session::Opening);
        let (opener, note) = (self.opener(key), self.note.clone());
        self.tasks.spawn(async move {
            let result = opener.open().await;
            // Nobody listens any more only when the group has ended.
            let _ = note.send(Note::Opened(Opened { key, result }));
        });
    }

    pub(crate) fn opener(&self, key: Option<i32>) -> Opener {
        let id = self.ids.of(&self.group, key);
        let (cluster, group) = (self.cluster.clone(), self.group.clone());
        Opener { transport: self.transport.clone(), id, cluster, group }
    }

    /// A session is open, or cannot be.
    pub(crate) fn opened(&mut self, Opened { key, result }: Opened) -> Result<(), Error> {
        // It may be that of a partition that has gone.
        let Some(session) = self.sessions.get_mut(&key) else { return Ok(()) };
        match result {
            Ok(open) => *session = Session::Ready(open),
            Err(error) => {
                *session = Session::Over;
                return Err(error);
            }
        }
        Ok(())
    }

    /// The session for this use, which is under way from here on.
    pub(crate) fn take(&mut self, key: Option<i32>) -> Option<Open> {
        let session = self.sessions.get_mut(&key)?;
        match std::mem::replace(session, Session::Out) {
            Session::Ready(open) => Some(open),
            other => {
                *session = other;
                None
            }
        }
    }
}

impl Open {
    /// What it publishes through, and how its transactions end.
    pub(crate) fn begin(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.transactions.begin()
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Open")
    }
}
