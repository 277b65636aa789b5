use super::{super::Note, Once, TIMEOUT};
use crate::runtime::counted;
use milena_core::{
    error::{Error, ErrorKind},
    transport::{Producer, Transactions, Transport},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// How long to wait before the broker is asked again for a session.
const AGAIN: Duration = Duration::from_secs(1);

/// A transactional producer, as far as there is one. It has a number, as a partition can go and come again while
/// one is opened, or a transaction is under way.
#[derive(Debug)]
pub(crate) enum Session {
    Opening(u64),
    Ready(Open),
    /// A transaction of it is under way.
    Out(u64),
    /// There will be none.
    Over,
}

/// A transactional producer whose records are counted.
#[derive(Clone)]
pub(crate) struct Open {
    pub(crate) number: u64,
    pub(crate) transactions: Arc<dyn Transactions>,
    pub(crate) producer: Arc<dyn Producer>,
}

/// How the opening of a session ended.
#[derive(Debug)]
pub(crate) struct Opened {
    key: Option<i32>,
    number: u64,
    result: Result<Open, Error>,
}

/// What is needed for another session of an id.
#[derive(Clone)]
pub(crate) struct Opener {
    pub(crate) number: u64,
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
                    return Ok(Open { number: self.number, transactions, producer });
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
        self.opened += 1;
        let number = self.opened;
        self.sessions.insert(key, Session::Opening(number));
        let (opener, note) = (self.opener(key, number), self.note.clone());
        self.tasks.spawn(async move {
            let result = opener.open().await;
            // Nobody listens any more only when the group has ended.
            let _ = note.send(Note::Opened(Opened { key, number, result }));
        });
    }

    pub(crate) fn opener(&self, key: Option<i32>, number: u64) -> Opener {
        let id = self.ids.of(&self.group, key);
        let (cluster, group) = (self.cluster.clone(), self.group.clone());
        Opener { number, transport: self.transport.clone(), id, cluster, group }
    }

    /// A session is open, or cannot be.
    pub(crate) fn opened(&mut self, Opened { key, number, result }: Opened) -> Result<(), Error> {
        // It may be that of a partition that has gone, and perhaps come again.
        let session = self.sessions.get_mut(&key);
        let awaited =
            session.filter(|it| matches!(it, Session::Opening(known) if *known == number));
        let Some(session) = awaited else { return Ok(()) };
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
        let Session::Ready(open) = session else { return None };
        let open = open.clone();
        *session = Session::Out(open.number);
        Some(open)
    }

    /// What is left of the session behind a transaction of it.
    pub(crate) fn back(&mut self, key: Option<i32>, number: u64, open: Option<Open>) {
        let session = self.sessions.get_mut(&key);
        let known = session.filter(|it| matches!(it, Session::Out(known) if *known == number));
        if let Some(session) = known {
            *session = open.map_or(Session::Over, Session::Ready);
        }
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Open")
    }
}
